-- Hand the reply under way to whoever claims the session next.
-- ARGV: holder. Returns 1, or 0 if the reply is no longer the holder's.
local state = read()
if not holds(state, ARGV[1]) then return 0 end
state.turn.holder = nil
state.turn.claims = math.max(0, state.turn.claims - 1)
set('$.turn', state.turn)
wait()
return 1
