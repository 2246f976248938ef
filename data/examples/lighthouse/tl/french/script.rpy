# game/script.rpy:11
translate french arrival_ce426535:

    # "The storm had been at the lighthouse door since noon, and now somebody was knocking, too."
    "La tempête cognait à la porte du phare depuis midi, et voilà que quelqu'un frappait aussi."

# game/script.rpy:13
translate french arrival_b7ff3481:

    # c "Come in, come in, before the wind does!"
    c "Entrez, entrez, avant que le vent ne s'en charge !"

# game/script.rpy:15
translate french arrival_f73f4676:

    # t "Thank you. I'm off the [boat]. We saw your lamp go dark."
    t "Merci. Je viens du [boat]. Nous avons vu votre lampe s'éteindre."

# game/script.rpy:17
translate french arrival_a11f9fcf:

    # c "It can't have. I lit it myself, {i}twice{/i}."
    c "Impossible. Je l'ai allumée moi-même, {i}deux fois{/i}."

# game/script.rpy:19
translate french arrival_418c9048:

    # t "Then it has gone out twice, Caoimhe."
    t "Alors elle s'est éteinte deux fois, Caoimhe."

# game/script.rpy:29
translate french lamp_100e1e73:

    # "They climbed all 112 steps without another word."
    "Ils montèrent les 112 marches sans ajouter un mot."

# game/script.rpy:31
translate french lamp_f9ca60b3:

    # t "Well. There's your trouble."
    t "Eh bien. Voilà le coupable."

# game/script.rpy:33
translate french lamp_5423c391:

    # "On top of the great lamp, wings spread wide over the warm glass, sat an owl."
    "Perchée sur la grande lampe, les ailes ouvertes au-dessus du verre chaud, se tenait une chouette."

# game/script.rpy:35
translate french lamp_d932d648:

    # c "How long have you been up here, you old thief?"
    c "Depuis combien de temps es-tu là-haut, vieille voleuse ?"

# game/script.rpy:37
translate french lamp_30526b06:

    # "The owl opened one eye, considered the question, and closed it again."
    "La chouette ouvrit un œil, réfléchit à la question, et le referma."

# game/script.rpy:39
translate french lamp_60d65990:

    # t "Shall I shoo her out?"
    t "Je la fais sortir ?"

# game/script.rpy:41
translate french lamp_42808158:

    # c "Into that weather? Certainly not. I'll light the spare lamp, and you put the kettle on."
    c "Par ce temps ? Certainement pas. J'allume la lampe de secours, et vous, mettez la bouilloire à chauffer."

translate french strings:

    # game/script.rpy:3
    old "Caoimhe"
    new "Caoimhe"

    # game/script.rpy:4
    old "Tomas"
    new "Tomas"
