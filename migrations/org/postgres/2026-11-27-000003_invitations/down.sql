DROP TABLE mails;
DROP TABLE invitation_handles;
DROP TABLE invitations;
