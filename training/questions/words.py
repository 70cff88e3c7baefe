"""The words that questions are made from, beside things and places: colours, numbers, actions, sports."""

COLOURS = {
    "black": "black", "white": "white", "red": "red", "blue": "blue", "green": "green", "yellow": "yellow",
    "orange": "orange", "pink": "pink", "purple": "purple", "brown": "brown", "gray": "gray", "grey": "gray",
    "tan": "tan", "beige": "beige", "gold": "gold", "golden": "gold", "silver": "silver", "maroon": "maroon",
    "teal": "teal", "turquoise": "turquoise",
}  # fmt: skip
NEAR_COLOURS = [  # a "no" is never made from a colour that another person could give the same thing
    {"brown", "tan", "beige", "gold", "yellow", "orange", "red", "maroon"},
    {"white", "gray", "silver", "beige", "tan", "gold", "yellow"},
    {"black", "gray", "brown", "blue"},
    {"pink", "red", "purple", "maroon", "orange"},
    {"blue", "teal", "turquoise", "green", "purple"},
]

NUMBERS = {word: n for n, word in enumerate("zero one two three four five six seven eight nine ten".split())}
NUMBERS |= {str(n): n for n in range(1, 11)} | {"coupleof": 2, "pairof": 2}

# Actions: `name: other verbs`, in their base form; the answer is the name's -ing form.
ACTIONS = """
run: sprint jog
race
jump: leap bound
walk: stroll
play; chase
fetch: retrieve
catch
throw: toss pitch
kick; dance
fight: wrestle
ride
climb: scale
hike; swim; dive
surf: bodysurf
kayak: canoe paddle row
sit
lie: lay
sleep: nap
kneel: crouch squat
stand
bike: cycle bicycle
drive; ski; snowboard; skateboard; skate; eat; drink; read; sing; cook; talk; smoke; fish; paint; swing; slide; fly; cut
feed; pet; graze
splash; kiss; hug; bite; lick; shake; dig; pose; pull; push; hold; carry; wear
"""
# Verbs that end a noun phrase but are no answer to "what is it doing?".
OTHER_VERBS = """
look watch stare go come get make take try attempt prepare begin start wait lean hang rest point brush browse
peek peer serve adjust sip taste arrange wave smile laugh
gather perform compete enjoy reach turn spin roll fall land float balance move travel pass cross enter leave follow
lead face approach drag lift raise put show display appear seem help attack bark growl sniff chew drop pick grab use
kneel bend stretch hit swing crash practice work cheer celebrate relax wade emerge bounce stick tackle
"""

SPORTS = set(
    "soccer football basketball baseball tennis volleyball hockey golf rugby cricket lacrosse softball frisbee".split()
)
SPORT_WORDS = set("play plays playing game match player players team teams court field practice court".split())

DETERMINERS = set(
    "a an the his her its their this that these those my our your one each every some several many another other few "
    "both no all".split()
)
PREPOSITIONS = set(
    "in on at of with by near through across along over under into onto from to for behind beside between above below "
    "around past toward towards against inside outside down up off after before without atop during amidst among "
    "like as about beneath underneath alongside within nextto infrontof".split()
)
OTHER_FUNCTION_WORDS = set(
    "and or but while whilst as that which who whose where when is are was were be being been has have had does do "
    "can will he she it they there him them himself herself itself themselves out away together not very".split()
)
UNREAL = set(  # a toy dog is no dog, but a wooden bench is a bench
    "toy stuffed fake plastic inflatable painted cartoon carved wooden stone bronze metal ceramic paper hot teddy "
    "dead rocking".split()
)
PICTURED = {"statue", "painting", "drawing", "sculpture", "poster", "shape", "silhouette", "mural", "sign"}
ROLES = {"player", "rider", "worker"}  # words that any man, woman or child can be called by
NOT_ALSO = {"man": {"woman", "girl"}, "boy": {"woman", "girl"}, "woman": {"man", "boy"}, "girl": {"man", "boy"}}
NEEDS_OBJECT = set("chase catch throw kick pull push bite lick shake hug kiss paint".split())  # not "Who is chasing?"
BY_ANIMALS = {"fly", "graze"}  # no answer to it where a person is asked about: "flying a kite" is not "flying"
HELD = {"wear", "hold", "carry"}  # no answer to "what is he doing?"
WORN = set(
    "hat helmet sunglasses glasses goggles mask shirt jacket sweater dress skirt shorts pants swimsuit suit uniform "
    "wetsuit tie apron glove vest scarf costume shoe backpack collar leash muzzle".split()
)
SPOKEN = {
    "bicycle": "bike",
    "airplane": "plane",
    "dining table": "table",
    "potted plant": "plant",
    "sports ball": "ball",
}
UNCOUNTED = set(  # nobody asks how many there are: stuff, and words for many sorts
    "food vegetable broccoli lettuce salad fruit bread cheese rice soup sushi pasta meat ice_cream candy coffee wine "
    "beer milk juice soda hay luggage toilet_paper glass leaf ski_lift base vehicle animal".split()
)

MOTORS = set(  # where one of these is said, a "bike" is no bicycle
    "motorcycle motorcycles motorbike motorbikes motorcyclist motorcyclists motocross motorized motorised motor "
    "dirt_bike dirt_bikes motor_bike motor_bikes motor_cycle motor_cycles".split()
)
MOTORISED = {"bike": "motorcycle", "bikes": "motorcycles"}

MORE_THAN_ONE = {"another", "other", "others", "second", "both", "each", "they", "them", "their"}
CROWD = set(
    "crowd crowded group others teens surrounded team audience spectators onlookers fans bunch groupof "
    "crowdof teamof bunchof lotof classof familyof".split()
)
SCENES = set(  # places that a whole picture can be of
    "beach ocean lake river snow ice field street sidewalk park playground yard woods mountain hill desert track court "
    "stadium stage kitchen bathroom bedroom living_room dining_room office classroom library "
    "restaurant store market bakery zoo farm airport runway train_station parking_lot skate_park city harbor "
    "slope".split()
)
STRIKING_PLACES = {"snow", "beach", "pool"}
