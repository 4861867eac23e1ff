# Formats the folder of a broker unless that is done, and becomes the broker:
# start.sh JAVA JARS. The working folder is the broker's.
set -euf
java=$1 jars=$2
run() {
    # The statistics of JVMs would stand in the temporary folder for ever. In the minutes of
    # a run the optimising compiler takes more of a small host than its code gives back.
    command=$1
    shift
    $command "$java" -Xmx512m -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError \
        -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
        -Djava.awt.headless=true -Djava.io.tmpdir="$PWD/tmp" \
        -Dlog4j2.configurationFile="$PWD/log4j2.properties" -cp "$jars/*" "$@"
}
if [ ! -e formatted ]; then
    rm -rf data
    run '' kafka.tools.StorageTool format --standalone --config server.properties \
        --cluster-id "$(cat cluster)" $(cat users)
    : > formatted
fi
run exec kafka.Kafka server.properties
