-- Keep the lease while the model is silent.
-- ARGV: holder, lease in microseconds. Returns 1, or 0 if the reply is no longer the holder's.
if not holds(read(), ARGV[1]) then return 0 end
hold(tonumber(ARGV[2]))
return 1
