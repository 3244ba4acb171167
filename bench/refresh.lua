-- One refresh chain per thread, each thread with exactly one connection: what an answer brings
-- is what the next request presents. First tokens come from the file TOKENS, one per thread.

dofile(os.getenv("BENCH_FOLDER") .. "/report.lua")

local first = {}

function setup(thread)
  if #first == 0 then
    for token in io.lines(os.getenv("TOKENS")) do
      first[#first + 1] = token
    end
  end
  thread:set("token", table.remove(first))
end

local path = "/api/v1/user/token/refresh/"
local headers = { ["Content-Type"] = "application/json" }

function request()
  return wrk.format("POST", path, headers, '{"refresh":"' .. token .. '"}')
end

function response(status, _, body)
  local successor = body:match('"refresh"%s*:%s*"([^"]+)"')
  if status == 200 and successor and successor ~= token then
    token = successor
  else
    -- wrk counts refusals itself, but not a success that does not rotate.
    io.stderr:write("no successor: ", status, " ", body, "\n")
    os.exit(1)
  end
end
