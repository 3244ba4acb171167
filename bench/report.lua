-- Loaded by the other scripts: one line for bench/measure.sh at the end of a run.

function done(summary, latency, requests)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("report %d %f %d\n", summary.requests, summary.duration / 1e6, bad))
end
