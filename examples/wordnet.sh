#!/usr/bin/env bash
# Lays Debian's WordNet (`apt-get install wordnet-base`) out as nltk reads it, for the WUPS scores of answers:
#
#   examples/wordnet.sh NLTK_DATA && NLTK_DATA=NLTK_DATA python -m training evaluate MODEL --data DAQUAR
#
# Where nltk's own download works, `python -m nltk.downloader wordnet` does the same.
set -euo pipefail
folder=$1/corpora/wordnet
mkdir -p "$folder"
find /usr/share/wordnet -maxdepth 1 -type f -exec cp {} "$folder" \;     # other packages lay folders there
: > "$folder/index.sense"     # nltk wants the file, and reads it for sense keys alone

# Debian leaves out lexnames, the list of lexicographer files that data.* refers to by number (lexnames(5WN)).
noun="Tops act animal artifact attribute body cognition communication event feeling food group location motive object
person phenomenon plant possession process quantity relation shape state substance time"
verb="body change cognition communication competition consumption contact creation emotion motion perception possession
social stative weather"
{
    printf 'adj.all\t3\nadj.pert\t3\nadv.all\t4\n'
    printf 'noun.%s\t1\n' $noun
    printf 'verb.%s\t2\n' $verb
    printf 'adj.ppl\t3\n'
} | awk '{printf "%02d\t%s\n", NR - 1, $0}' > "$folder/lexnames"
