// The smallest client there can be: plain mode, one text out, one JSON object in for each reply.
const start = document.querySelector('#start')
const say = document.querySelector('#say')
const log = document.querySelector('#log')

function show(who, text) {
  const line = document.createElement('p')
  line.textContent = `${who}: ${text}`
  log.append(line)
  line.scrollIntoView()
}

start.addEventListener('submit', async (event) => {
  event.preventDefault()
  const name = start.elements.name.value
  const answer = await fetch('/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name }),
  })
  const session = await answer.json()
  if (!answer.ok) return show('Chat', session.detail.msg ?? session.detail)
  // The token travels as a subprotocol, so that it is in no address.
  const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/chat`, [`bearer.${session.token}`])
  socket.addEventListener('message', ({ data }) => show('Bot', JSON.parse(data).msg))
  socket.addEventListener('close', () => show('Chat', 'The connection is closed. Reload to begin again.'))
  say.addEventListener('submit', (event) => {
    event.preventDefault()
    const field = say.elements.message
    socket.send(field.value)
    show(session.name, field.value)
    field.value = ''
  })
  start.hidden = true
  say.hidden = false
  say.elements.message.focus()
})
