"""What can be chosen by name on either side: the panel, the command line, and jobs take the names from here."""

RECIPES = ("m2dao", "talkinggaussian", "talkinggaussian-published")
"""Methods of training: this project's, and the baseline that every claim is measured against, once on this project's
preprocessing, once as it was published."""
RECIPE = "m2dao"
"""The recipe where none is named."""

PRESETS = ("draft", "standard", "film")
"""Training presets, from minutes to hours (backend.settings.PRESETS has their numbers)."""
COMMAND_PRESET = "draft"
"""The preset where a command or a job names none: scripts and first tries should end in minutes."""
PANEL_PRESET = "standard"
"""The preset that a new scene has: an artist who presses the button once wants a head to work with."""

LIFE, RECORDED, STILL = "life", "recorded", "still"
POSES = (LIFE, RECORDED, STILL)
"""Head poses that need no file: those that go with the line, the footage's own, extended past its end, and the calmest
one of them held."""
POSE = LIFE
"""The poses where nothing else is asked: none were recorded for a new line."""

LIVELINESS = 1.0
"""How far head and face move by themselves where nothing else is asked: as far as in the footage."""
MOST_LIVELINESS = 2.0
"""The most that can be asked."""

STRENGTH = 1.0
"""How far a mouth moves where nothing else is asked: as far as in the footage."""
MOST_STRENGTH = 2.0
"""The most that can be asked."""

INPUT_COLOURS = ("auto", "srgb", "rec709", "bt1886", "gamma22", "linear", "hlg", "pq", "display-p3", "rec2020")
"""What footage may have been made for (backend.media.colour): by its tags, a transfer curve, or a colour space that is
converted."""
INPUT_COLOUR = "auto"
"""How footage is read where nobody says."""

FRAME_PX = 1024
"""Width and height of the stored frames, px, where nobody says: never larger than the face's crop of the footage."""
LEAST_FRAME_PX, MOST_FRAME_PX = 16, 8192
"""The least and the most that can be asked."""
MOST_SPEAKERS = 5
"""Faces that are told apart in one clip."""

DUB_PARTS = ("lower", "head")
"""What is replaced of a person in footage that is dubbed: the lower face, or the whole head."""
DUB_PART = "lower"
"""What is replaced where nothing else is asked: least of what was filmed is lost."""
