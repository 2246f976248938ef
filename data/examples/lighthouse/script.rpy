# A small scene to hear first. Drop this folder into the inbox.

define c = Character("Caoimhe", color="#f2c14e")
define t = Character("Tomas", color="#7fb7be")

label arrival:

    scene lighthouse door
    with fade

    "The storm had been at the lighthouse door since noon, and now somebody was knocking, too."

    c "Come in, come in, before the wind does!"

    t "Thank you. I'm off the [boat]. We saw your lamp go dark."

    c "It can't have. I lit it myself, {i}twice{/i}."

    t "Then it has gone out twice, Caoimhe."

    jump lamp


label lamp:

    scene lantern room
    with dissolve

    "They climbed all 112 steps without another word."

    t "Well. There's your trouble."

    "On top of the great lamp, wings spread wide over the warm glass, sat an owl."

    c "How long have you been up here, you old thief?"

    "The owl opened one eye, considered the question, and closed it again."

    t "Shall I shoo her out?"

    c "Into that weather? Certainly not. I'll light the spare lamp, and you put the kettle on."

    return
