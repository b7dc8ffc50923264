"""Vocabulary and sentence templates of the controls, all invented or generic.

The word lists of the four types share no word with each other or with the ambiguous names, so the type of an easy
name is settled by the name itself and, again, by the template it stands in.
"""

from __future__ import annotations

AMBIGUOUS_NAMES: tuple[str, ...] = (
    "Velmora",
    "Ostrel",
    "Lumeda",
    "Kandro",
    "Zareth",
    "Quillane",
    "Brisketta",
    "Dorvane Tull",
    "Nimrel Ash",
    "Sable Orrin",
    "Tavik Moor",
    "Ember Quay",
)

AMBIGUOUS_TEMPLATES: tuple[str, ...] = (
    "thinking about {X} all day",
    "so {X} is trending again",
    "everyone is talking about {X}",
    "still not over {X} , sorry",
    "{X} made my whole week",
    "who else loves {X} ?",
    "never heard of {X} before today",
    "look at {X} , just look",
    "another picture of {X}",
    "{X} deserves better than this",
    "my friends keep mentioning {X}",
    "nothing beats {X}",
    "this is what {X} looks like now",
    "I could stare at {X} for hours",
    "old photo of {X} , new memories",
    "big fan of {X} since forever",
    "the truth about {X} is finally out",
    "no words for {X}",
    "please stop arguing about {X}",
    "finally saw {X} with my own eyes",
)

GIVEN_NAMES = (
    "Anna",
    "Marten",
    "Leila",
    "Tobias",
    "Greta",
    "Hugo",
    "Nadia",
    "Oscar",
    "Ruth",
    "Pavel",
    "Ines",
    "Felix",
)
FAMILY_NAMES = (
    "Holt",
    "Lindqvist",
    "Okoro",
    "Brandt",
    "Ferreira",
    "Nakata",
    "Doyle",
    "Petrov",
    "Maddox",
    "Sundar",
)
PLACE_FRONTS = ("Port", "Lake", "Mount", "Fort", "Upper", "Cape")
PLACE_NAMES = ("Alder", "Sorrin", "Bramble", "Winfield", "Tessaly", "Corrow", "Hesper", "Dunmere")
TOWNS = ("Northbay", "Greenhollow", "Stonebridge", "Ashford", "Riverton", "Millbrook")
FIRM_NAMES = ("Tern", "Halcyon", "Copperfield", "Bluegate", "Orchard", "Ironwood", "Pelican", "Summit")
FIRM_KINDS = ("Airlines", "Bank", "Motors", "University", "Records", "Insurance", "Foods")
WORK_NAMES = ("Silver", "Midnight", "Paper", "Crystal", "Broken", "Golden", "Velvet", "Distant")
WORK_KINDS = ("Kettle", "Harvest", "Lanterns", "Empire", "Trilogy", "Odyssey", "Games")

EASY_TEMPLATES: dict[str, tuple[str, ...]] = {
    "PER": (
        "happy birthday {PER} , hope she eats cake",
        "{PER} just scored twice , what a striker",
        "my teacher {PER} retires today",
        "singer {PER} forgot his lyrics on stage",
        "met {PER} and he signed my shirt",
        "{PER} and her sister are so funny",
        "actor {PER} shaved his beard",
    ),
    "LOC": (
        "good morning from {LOC}",
        "it is raining again in {LOC}",
        "driving north to {LOC} tonight",
        "the streets of {LOC} are empty",
        "holiday in {LOC} , best beaches ever",
        "two hours of traffic near {LOC}",
        "we moved to {LOC} last spring",
    ),
    "ORG": (
        "{ORG} is hiring two hundred engineers",
        "shares of {ORG} fell by ten percent",
        "staff at {ORG} went on strike",
        "my account at {ORG} is locked again",
        "the board of {ORG} fired its director",
        "customer service of {ORG} hung up on me",
        "{ORG} announced a merger",
    ),
    "MISC": (
        "watched {MISC} on dvd , great film",
        "chapter nine of {MISC} made me cry",
        "pre-ordered {MISC} for my console",
        "season three of {MISC} starts tonight",
        "the soundtrack of {MISC} is perfect",
        "rereading {MISC} , such a good novel",
        "tickets for {MISC} the musical sold out",
    ),
}

PLAIN_TEMPLATES: tuple[str, ...] = (
    "cannot believe it is {day} already",
    "need coffee , {mood} and late",
    "who has plans for {day} ?",
    "so {mood} today , no idea why",
    "my cat is {mood} about the rain",
    "{day} mornings make me {mood}",
    "going to bed early because I feel {mood}",
    "is anyone else {mood} this {day} ?",
)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOODS = ("tired", "happy", "hungry", "sleepy", "nervous", "proud", "bored", "calm")

OPENERS: tuple[str, ...] = ("wow ,", "ok so", "honestly ,", "{handle}", "RT {handle} :", "well ,", "hey {handle}")
CLOSERS: tuple[str, ...] = ("!", "!!", ":)", "...", "lol", "{hashtag}", "{hashtag} {hashtag}", "cc {handle}")
JOINERS: tuple[str, ...] = ("and", "also ,", "meanwhile", "ps :")
HANDLE_FRONTS = ("brisk", "lazy", "tiny", "loud", "quiet", "salty", "sunny", "odd")
HANDLE_ENDS = ("otter", "badger", "heron", "walnut", "pickle", "comet", "teapot", "mitten")
HASHTAGS = (
    "#weekend",
    "#mood",
    "#throwback",
    "#nofilter",
    "#todayonly",
    "#justsaying",
    "#picoftheday",
    "#truestory",
)
