/** The browser's WebSocket behind the four verbs that the client needs. It knows no pings. */

const CLOSE_S = 2;

/** See `openWebSocket` in node-websocket.js. */
export function openWebSocket(url, { onOpen, onText, onClose }) {
  const socket = new WebSocket(url);
  let end;
  const closed = new Promise((resolve) => (end = resolve));
  socket.onopen = onOpen;
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") onText(data);
    else socket.close(); // binary is not spoken here
  };
  socket.onclose = ({ code, reason }) => {
    end();
    onClose(code, reason);
  };
  return {
    closed,
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    close: (code) => {
      socket.close(code);
      setTimeout(end, CLOSE_S * 1000); // a dead peer must not hold up the user
    },
    drop: () => {
      socket.close();
      end();
    },
  };
}

openWebSocket.canPing = false;
