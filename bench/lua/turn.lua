-- Whole requests out of the file REQUESTS, each after a line with its length, sent in turn. They are
-- made before the run: formatting in request() would cost more than many an answer.

local requests, turn = {}, 0

function init(args)
  local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
  for length in file:lines() do
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
