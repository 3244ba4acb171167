//! Sessions in cookies, as a browser keeps them: names and attributes, forged requests, refreshing,
//! logging out, at every service.

mod attributes;
mod browser;
mod forgery;
mod logout;
mod reading;
mod refresh;
mod services;
