"""The words that questions are made from: things people photograph, colours, numbers, actions, places.

A thing is a line `name < parent: other words`, where the other words mean that thing or a kind of it; `+` before the
name marks things so striking that five people who do not mention one have not seen one, the only things a "no" is
made from. Plurals are made here; `word*` has no singular. Two words that are one thing are joined by `_`.
"""

_THINGS = """
person: someone somebody people* adult human
man < person: guy gentleman fellow cowboy businessman fisherman policeman groom
woman < person: lady bride businesswoman
child < person: kid toddler youngster
boy < child:
girl < child:
baby < child: infant
player < person: athlete teammate goalie quarterback pitcher batter catcher goalkeeper
rider < person: biker cyclist bicyclist motorcyclist skateboarder snowboarder skier surfer skater climber hiker
worker < person: chef waiter soldier police_officer officer fireman firefighter musician guitarist drummer
other person < person: runner swimmer diver dancer performer wrestler boxer driver passenger pedestrian spectator
other person < person: teenager student friend mother father couple family crowd group team audience onlooker fan
other person < person: opponent jockey referee clown teen male female band class driver owner racer golfer singer
animal:
+ dog < animal: puppy pup terrier poodle greyhound retriever labrador lab collie beagle doberman dalmatian dachshund
+ dog < animal: husky sheepdog shepherd mutt canine bulldog pitbull rottweiler spaniel chihuahua corgi doggy hound
+ cat < animal: kitten kitty
+ horse < animal: pony stallion mare bronco
+ cow < animal: cattle* calf
+ bull < animal:
+ sheep < animal: lamb
+ goat < animal:
+ bird < animal: seagull gull pigeon duck goose swan eagle parrot flamingo owl hawk chicken rooster pelican peacock
+ elephant < animal:
+ bear < animal:
+ zebra < animal:
+ giraffe < animal:
+ monkey < animal: gorilla ape
+ camel < animal:
+ deer < animal:
+ rabbit < animal: bunny
+ squirrel < animal:
+ tiger < animal:
+ lion < animal:
fish < animal:
vehicle:
+ bicycle < vehicle: bike mountain_bike tricycle
+ motorcycle < vehicle: motorbike dirt_bike
+ car < vehicle: taxi suv jeep
+ truck < vehicle:
+ bus < vehicle:
+ train < vehicle: locomotive
+ boat < vehicle: canoe kayak raft ship sailboat rowboat ferry yacht
+ airplane < vehicle: plane aeroplane jet aircraft
+ scooter < vehicle:
+ skateboard < board: skate_board
+ snowboard < board: snow_board
+ surfboard < board: surf_board
board:
skis*:
sled: sleigh
wagon:
stroller:
ball: tennis_ball soccer_ball beach_ball volley_ball rugby_ball bowling_ball golf_ball
ball: football basketball volleyball softball
+ frisbee: disc disk
stick: branch
rope:
toy:
hat: cap beanie sombrero
helmet:
sunglasses*: shades*
glasses*:
goggles*:
mask:
shirt: tshirt blouse
jacket: coat
sweater: sweatshirt hoodie
dress: gown
skirt:
shorts*:
pants*: jeans* trousers*
swimsuit: bikini bathing_suit wetsuit
suit:
uniform: jersey
vest: life_vest life_jacket
scarf:
costume:
shoe: boot sneaker sandal
backpack: rucksack
bag: purse handbag
collar:
leash:
muzzle:
camera:
phone: cellphone cell_phone telephone
+ guitar:
microphone:
drum:
+ umbrella: parasol
book:
newspaper:
bottle:
cup: mug
plate:
bowl:
food:
+ pizza:
+ cake:
sandwich:
banana:
apple:
bench:
chair: stool
couch: sofa
table:
bed:
desk:
+ laptop:
computer:
+ toilet:
+ refrigerator: fridge
oven: stove
sink:
clock:
vase:
+ teddy_bear:
fence: gate
wall:
window:
door:
ramp: half_pipe
+ trampoline:
swing: swing_set
slide:
+ kite:
+ tent:
racket: racquet tennis_racket
bat: baseball_bat
+ flag:
balloon:
statue:
sign:
flower: tulip
tree:
building: house
bridge:
+ fountain:
+ waterfall:
"""

# Places: `name: other words`. The words before the colon are the answer.
_PLACES = """
beach: seashore shore seaside shoreline
ocean: sea
pool: swimming_pool
lake: pond
river: stream creek
water: waters rapids surf
snow: slope
ice: ice_rink rink
grass: lawn
field: meadow pasture
street: road crosswalk intersection
sidewalk: pavement
park:
playground:
yard: backyard garden
woods: forest
mountain: mountains mountainside
hill: hillside
cliff:
rock: rocks boulder
sand: dune dunes
desert:
dirt: mud
track: racetrack
court: basketball_court tennis_court
stadium: arena
stage:
kitchen:
bathroom:
bedroom:
living_room:
restaurant: cafe
store: supermarket shop
market:
bed:
couch: sofa
bench:
chair:
table:
boat: canoe kayak raft
car:
train:
bus:
subway:
trampoline:
swing:
slide:
dock: pier
bridge:
fountain:
"""

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
NUMBERS |= {str(n): n for n in range(1, 11)}

# Actions: `name: other verbs`, verbs in their base form; the answer is the name's -ing form. A "no" about an action
# is drawn from another line group, since a dog that runs may well be playing too.
_ACTIONS = """
run: sprint jog race
jump: leap bound
walk: stroll
play: 
chase:
fetch: retrieve
catch:
throw: toss
kick:
dance:
fight: wrestle

swim:
dive:
surf: bodysurf
kayak: canoe paddle row

sit: 
lie: lay
sleep: nap
kneel: crouch squat
stand:

ride:
bike: cycle bicycle
drive:
ski:
snowboard:
skateboard:
skate:
sled:

climb: scale
hike:

eat:
drink:
read:
sing:
cook:
talk:
smoke:
fish:
paint:

hold:
carry:
pull:
push:
dig:
swing:
slide:
fly:
splash:
kiss:
hug:
bite:
lick:
shake:
pose:
laugh:
smile:
wave:
point:
"""
