"""Telegram: people are asked in a chat, and answer by buttons below the message.

Theory of operation. Telegram gives no promise that a message arrives once: an answer that is lost
on its way leaves a message of which we do not know the id, and with it buttons that nobody would
ever take away. So an approval comes in two steps. First it is sent *without buttons*, in words
that stay true whatever happens later. When the store has noted the message's id, durably, the same
message is edited to carry the buttons. From then on every button that exists is on a message that
we know, in this life and the next, and each is brought to the truth. If the first step's answer is
lost, or the gateway dies right after it, the approval is sent again; what is left of the first try
has no buttons, claims nothing, and says so.

- ``board`` knows what each message shows and should show, and says what to do next. It does no
  I/O. A message is always brought to the newest state; states in between are skipped.
- ``outbox`` does it, one call after the other, obeys 429, and tries again for ever.
- ``notices`` are small answers to people, sent soon or never: what became of a tap, replies.
- ``updates`` hears what people do; an update is confirmed to Telegram only when the decision in it
  is durable, so that a gateway that dies hears it again, and the desk decides once.
- ``callbacks`` and ``commands`` deal with what people do, ``people`` knows who may, ``codes`` waits
  for one-time codes; answers go to the desk by decisions, which all channels have.
- ``api`` is the library; ``rendering``, ``text`` and ``buttons`` are what people see; ``channel``
  wires all.
"""
