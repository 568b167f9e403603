-- Requests of wrk: bodies of a file in turn, a line each; @@TEXT@@ becomes thirty words in an order of its own.
local words = {}
for word in ([[soft cotton shirt with long sleeves fits well and washes easily warm winter coat bright summer dress
  light running shoes comfortable leather boots green tea dark chocolate fresh bread organic apples red wine kitchen
  knife garden chair desk lamp travel bag phone case music game book paper blue black white small large cheap good
  quick quiet strong simple useful]]):gmatch("%a+") do words[#words + 1] = word end

local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  bodies = {}
  for line in io.lines(arguments[1]) do bodies[#bodies + 1] = line end
  math.randomseed(os.time() + 7919 * number)
  at = number * math.floor(#bodies / 2)
  headers = { ["Content-Type"] = "application/json" }
end

local function text()
  local chosen = {}
  for place = 1, 28 do chosen[place] = words[math.random(#words)] end
  return table.concat(chosen, " ")
end

function request()
  at = at % #bodies + 1
  return wrk.format("POST", nil, headers, (bodies[at]:gsub("@@TEXT@@", text)))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.3f, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
