-- End the reply to the oldest unanswered message, begun or not, with what was said so far.
-- Whoever makes it finds out at its next append or renewal.
-- ARGV: the message's id, the reply as JSON in case none has begun, expiry in seconds.
-- Returns {outcome, 1 if the session is in line}.
local state = read()
if not state then return {'gone', 0} end
local human = message(2 * state.answered)
if not human or human.id ~= ARGV[1] then return {'nothing', in_line()} end
if not state.turn then begin(state, human, cjson.decode(ARGV[2])) end
finish(state, 'stopped', '', ARGV[3])
return {'stopped', in_line()}
