#!/bin/sh
# Runs a program for whoever holds the other end of standard input. When that is closed, however
# its holder has ended, the program gets SIGNAL and its folder is removed: nothing outlives a test.
#
#   leash.sh FOLDER SIGNAL PROGRAM ARGUMENT…
#
# Commands, one a line: `start`, or the name of a signal for the program. What it says itself
# begins with `leash: `; everything else is said by the program.
folder=$1
last=$2
shift 2

run() {
    "$@" </dev/null 2>&1 &
    echo $! >"$folder/pid"
    echo "leash: started $!"
    wait $!
    rm -f "$folder/pid"
    echo "leash: ended"
}

# Of a terminal's Ctrl-C everybody hears. The test's end is what counts here.
trap : HUP INT TERM
while read -r command; do
    case $command in
        start) run "$@" & ;;
        *) kill -s "$command" "$(cat "$folder/pid")" ;;
    esac
done
if [ -f "$folder/pid" ]; then
    kill -s "$last" "$(cat "$folder/pid")"
fi
wait
rm -rf "$folder"
