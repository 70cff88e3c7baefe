"""The things and the places that people photograph, which questions are made of.

A thing is an entry `name < parent: other words`, where the other words mean that thing or a kind of it; `+` before the
name marks things so striking that five people who do not mention one have not seen one, the only things a "no" is
made from. `word*` has no singular; other plurals are made in lexicon.py. Two words that are one thing are joined by
`_`. Entries stand on lines of their own, or without other words behind a semicolon.
"""

THINGS = """
person: someone somebody people* adult human
man < person: guy gentleman fellow cowboy businessman fisherman policeman groom
woman < person: lady bride businesswoman
child < person: kid toddler youngster
boy < child; girl < child
baby < child: infant
player < person: athlete teammate goalie quarterback pitcher batter catcher goalkeeper
rider < person: biker cyclist bicyclist motorcyclist skateboarder snowboarder skier surfer skater climber hiker
rider < person: snow_boarder skate_boarder
worker < person: chef waiter soldier police_officer officer fireman firefighter musician guitarist drummer vendor farmer
person: runner swimmer diver dancer performer wrestler driver passenger pedestrian spectator teenager teen student
person: umpire tourist commuter customer shopper pilot
person: friend mother father onlooker opponent jockey referee clown male female owner racer golfer singer
person: couple* family* crowd* group* team* audience* band* class* pair* bunch* lot*
animal
+ dog < animal: puppy pup terrier poodle greyhound retriever labrador lab collie beagle doberman dalmatian dachshund
+ dog < animal: husky sheepdog shepherd mutt canine bulldog pitbull rottweiler spaniel chihuahua corgi doggy hound
+ cat < animal: kitten kitty
+ horse < animal: pony stallion mare bronco
+ cow < animal: cattle* calf ox oxen* steer
+ bull < animal
+ sheep < animal: lamb ram ewe
+ goat < animal
+ bird < animal: seagull gull pigeon duck goose swan eagle parrot flamingo owl hawk rooster hen pelican peacock
+ bird < animal: sparrow ostrich crow raven heron stork penguin finch hummingbird woodpecker robin
+ elephant < animal; + zebra < animal; + giraffe < animal; + pig < animal; + donkey < animal
+ bear < animal: panda grizzly cub
+ monkey < animal: gorilla ape
+ camel < animal; + deer < animal
+ rabbit < animal: bunny
+ squirrel < animal; + tiger < animal; + lion < animal; + leopard < animal; + turtle < animal
fish; seahorse: sea_horse
vehicle
+ bicycle < vehicle: bike mountain_bike tricycle
+ motorcycle < vehicle: motorbike dirt_bike motor_bike motor_cycle
+ car < vehicle: taxi cab suv jeep sedan
+ truck < vehicle: pickup firetruck fire_truck fire_engine lorry
+ bus < vehicle: double_decker
van < vehicle: minivan
+ tram < vehicle: streetcar
+ tractor < vehicle; + helicopter < vehicle; + carriage < vehicle
+ train < vehicle: locomotive
+ boat < vehicle: canoe kayak raft ship sailboat rowboat ferry yacht
+ airplane < vehicle: plane aeroplane jet aircraft air_plane airliner jetliner
+ scooter < vehicle: moped
+ skateboard < board: skate_board
+ snowboard < board: snow_board
+ surfboard < board: surf_board: surf_board
board; skis*; ski_pole; ski_lift; parachute
sled: sleigh
wagon; stroller
ball: tennis_ball soccer_ball beach_ball volley_ball rugby_ball bowling_ball golf_ball
ball: football basketball volleyball softball baseball
+ frisbee: disc disk
stick: branch
rope; toy
hat: cap beanie sombrero
helmet
sunglasses*: shades*
glasses*; goggles*; mask
shirt: tshirt blouse tank_top
jacket: coat
sweater: sweatshirt hoodie
dress: gown
skirt; shorts*
pants*: jeans* trousers*
swimsuit: bikini bathing_suit
wetsuit: wet_suit
suit: tuxedo
tie: necktie neck_tie bow_tie
apron; glove
uniform: jersey
vest: life_vest life_jacket
scarf; costume
shoe: boot sneaker sandal
backpack: rucksack
bag: purse handbag
suitcase; luggage: baggage; briefcase; basket; box: crate; cart; wheelchair
collar; leash; muzzle; camera
phone: cellphone cell_phone telephone
+ guitar; microphone; drum
+ umbrella: parasol
book: notebook; newspaper; magazine; bottle
cup: mug
wine_glass; glass
plate; bowl; tray; pot; pan: skillet; fork; spoon; knife; scissors*; cutting_board; toothbrush: tooth_brush
food: meal snack dessert
+ pizza < food
+ cake < food: cupcake
+ donut < food: doughnut
+ hot_dog < food: hotdog
sandwich < food: burger hamburger cheeseburger
vegetable < food: veggie
broccoli < vegetable; carrot < vegetable; tomato < vegetable; potato < vegetable; onion < vegetable
lettuce < vegetable; salad < food
fruit < food
banana < fruit; apple < fruit; oranges* < fruit; lemon < fruit; strawberry < fruit; pear < fruit; grapes* < fruit
pineapple < fruit
bread < food: toast; cheese < food; rice < food; soup < food; egg < food; cookie < food; bagel < food; sushi < food
pasta < food: spaghetti noodle noodles*
fries* < food: french_fries*
meat < food: steak ham bacon beef sausage chicken turkey
pie < food; pastry < food: croissant; ice_cream < food; candy < food
coffee; wine; beer; milk; juice; soda; hay
leaf: leaves*
bench
chair: stool armchair rocking_chair recliner
couch: sofa loveseat
table; bed; desk; dresser: nightstand
laptop < computer: lap_top
computer; keyboard; mouse; monitor; remote: remote_control; printer
television: tv
controller: game_controller wii_controller wii_remote
+ toilet: toilet_seat urinal
toilet_paper
+ refrigerator: fridge
oven: stove stove_top
microwave; toaster; blender; cabinet: cupboard; counter: countertop counter_top
sink; faucet; mirror; towel; bathtub: tub bath_tub; shower_curtain
shelf: shelves* bookshelf bookcase
clock; vase; lamp: street_light street_lamp; candle; pillow; blanket; curtain; rug: carpet; fireplace
+ teddy_bear: teddy stuffed_bear
stuffed_animal; doll
fence: gate
wall; window; door
ramp: half_pipe
+ trampoline
swing: swing_set
slide; + kite; + tent
racket: racquet tennis_racket tennis_racquet
bat: baseball_bat
+ flag; balloon
statue: sculpture
sign
+ stop_sign < sign
+ fire_hydrant: hydrant
traffic_light: stop_light stoplight
parking_meter; license_plate; base: home_plate; trash_can: garbage_can
flower: tulip rose bouquet
plant
tree
building: house church cathedral skyscraper
+ clock_tower < tower
tower: steeple
bridge; + fountain; + waterfall
"""

# Places: `name: other words`. The words before the colon are the answer.
PLACES = """
beach: seashore shore seaside shoreline
ocean: sea
pool: swimming_pool
lake: pond
river: stream creek
water: waters rapids surf wave
snow
ice: ice_rink rink
grass: lawn grassy_area
field: meadow pasture savanna
street: road crosswalk intersection
sidewalk: pavement side_walk
skate_park: skatepark
park; playground; zoo; farm; barn
yard: backyard garden
woods: forest wooded_area
jungle
mountain: mountains mountainside
hill: hillside
slope: ski_slope
cliff
rock: rocks boulder
sand: dune dunes
desert
dirt: mud
train_tracks: tracks railroad_tracks train_track railroad_track
track: racetrack
court: basketball_court tennis_court
stadium: arena
stage; kitchen; bedroom; dining_room; office; classroom; library; garage
bathroom: bath_room restroom
living_room: living_area family_room
train_station; airport; parking_lot; enclosure; cage
city: town
runway: tarmac
restaurant: cafe
store: supermarket shop
market; bakery; museum; bed; desk; counter; toilet; suitcase; box; basket; sink; ramp; floor
bathtub: tub bath_tub
couch: sofa
bench; chair; table
boat: canoe kayak raft
car; truck; train; bus; subway; trampoline; swing; slide
dock: pier
harbor: marina
bridge; fountain
"""
