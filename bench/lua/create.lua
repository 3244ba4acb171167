-- POSTs that create something under a new name each: what stands in REQUESTS, with NAME in its body put
-- in and its length made right.

local head, body, number
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("mine", threads)
end

function init(args)
  local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
  local text = file:read("*a")
  file:close()
  head, body = text:match("^(.-\r\n)\r\n(.*)$")
  number = 0
end

function request()
  number = number + 1
  local name = string.format("%s %d %09d", os.getenv("RUN"), mine, number)
  local filled = body:gsub("NAME", name)
  return head:gsub("Content%-Length: %d+", "Content-Length: " .. #filled) .. "\r\n" .. filled
end
