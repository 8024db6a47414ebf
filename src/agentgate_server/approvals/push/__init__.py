"""Push: what all channels have in common that send notifications with buttons.

Theory of operation. A notification has a tag, and a later one of the same tag takes its place. So
it may be sent twice without harm, and what an approval's notification says is brought to the truth
by sending it again. Whoever has a button's ticket can answer as the person who was sent it, once;
see ``agentgate_proto.faces.answer_tickets``. Before a ticket leaves the gateway its hash is noted
in the store, durably: a tap is understood after a crash, and what is noted without having arrived
is harmless. The text of a ticket is kept until its notification was taken, and nowhere after that.
When a newer notification has arrived for certain, the tickets of the older ones are spent.

- ``board`` knows what each notification shows and should show, place by place, and says what to do
  next. It does no I/O.
- ``outbox`` does it, one call after the other, and tries again for ever.
- ``sender`` is what a kind of channel adds: one call that sends a notification, and errors that say
  what to do about them.
- ``text`` is what people read; ``notification`` is what is sent.
- ``channel`` wires all. How answers come back is the matter of each kind.
- ``ntfy`` is such a kind, and ``companion`` another, which hears taps by itself.
"""
