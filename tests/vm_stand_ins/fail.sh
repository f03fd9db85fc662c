# shellcheck shell=sh
# Failures that a test orders from a stand-in, to be read by `.`: $fails is the file with the orders.
#
# The file holds one order per line; each call takes the first: `ok`, `hang`, `garbage`, `exit STATUS TEXT`, or one that
# the stand-in itself knows, such as `partial` (it prints half).
order=ok
if [ -s "${fails:?}" ]; then
    order=$(head -n 1 "$fails")
    sed -i 1d "$fails"
fi
case $order in
hang)
    sleep 600 &
    wait $!
    exit 1
    ;;
garbage)
    head -c 300 /dev/urandom
    exit 0
    ;;
exit\ *)
    order=${order#exit }
    echo "${order#* }" >&2
    exit "${order%% *}"
    ;;
esac
