//! The reference of the language as Markdown: a page of prose, and the tables
//! of keys that the schema knows.

use serde_json::{Map, Value as Json};

/// Tables are listed in the order in which a file is usually written.
const ORDER: [&str; 11] = [
    "params",
    "system",
    "phase",
    "workload",
    "fault",
    "deployment",
    "safety",
    "probe",
    "effects",
    "check",
    "advice",
];

const INTRODUCTION: &str = r#"# The language of a scenario

A scenario is one TOML file: what to load, what to break, what to watch and what must hold. It is read strictly. A key that does not exist, a missing unit or a name that nothing has is an error with its line and the nearest valid name, and all errors are shown at once.

A good start is a shipped scenario: `verify show channel-leak --source > mine.toml`. Check a file with `verify lint mine.toml`. An editor that reads JSON Schema completes keys and shows their help with the output of `verify export schema`.

*This page is generated from the code that reads the file.*

## How a file is built

```toml
name = "checkout"
title = "A checkout is stored once"

[params.rate]
default = "50/s"
help = "checkouts per second"

[system]
reference = "ingest"

[system.targets.shop]
help = "the shop's API"
schemes = ["http", "https"]

[[phase]]
name = "load"
for = "60s"
stretch = true

[[workload]]
name = "checkout"
rate = "${rate}"
phases = ["load"]
http = { url = "${target.shop}/checkout", body = '{"id":"@{id}"}' }

[[check]]
name = "accepted"
title = "the shop accepts what it is asked"
ratio = { of = "checkout.unsuccessful", to = "checkout.due", phases = ["load"], max = "1%" }
```

- *Phases* follow one another. `--duration` sets the length of those with `stretch = true`.
- *Workloads* offer operations at a rate, each with an identity `run/workload/sequence`.
- *Faults* break something at a time within a phase.
- *Probes* sample series, named `PROBE.SERIES`. A workload gives series too, named `WORKLOAD.SERIES`, and every run has those of its host, named `host.SERIES`.
- *Deployments* are updated, canaried and rolled back while the run goes on. Each gives series too, named `DEPLOYMENT.SERIES`, and so does its canary.
- *Effects* say where it is read what the system did in the end.
- *Checks* judge. Each has one kind, a table such as `bound` or `ratio`.
- *Advice* says what to do about the system's size. No verdict goes by it.

## Placeholders

- `${rate}` is the value of parameter `rate`: its default, or what `--set rate=500/s` says. It can stand in every text, and a text can stand where a number or a switch is expected.
- `${target.shop}` is the address behind the key `shop`: from `--target shop=URL`, or of the lab. It can stand in urls, bodies, files and programs to run.
- `@{id}`, `@{seq}`, `@{run}` and `@{time}` in a body differ for each operation.
- `$${` stands for the two characters `${`.

## Programs of your own

Wherever a program is asked for (a workload's, a probe's or a source's `command`, a fault's `run_command`, a role's `start`, `--role-start`, `--stop-if` and their like on the command lines), a list is a program and its arguments, which run without a shell, and a text goes through `sh -c`:

```toml
command = { run = ["./count", "--state", "not yet sent"] }
command = { run = "cut -d, -f1 orders.csv | sort" }
```

In a text an address `${target.NAME}` is quoted for the place where it stands, so it is always part of one word; a variable of the shell is `$HOME` or, with braces, `$${HOME}`. A program runs in the folder from which the run was started, with the environment of the tool, less the variables by which the tool itself is given addresses and passwords (`SHAKEDOWN_TARGETS` and its like): write what it needs into its words. Its standard input is empty, except that of a workload, which gets the payload there and the identity in the variable `SHAKEDOWN_ID`. What it wrote to its standard error is quoted where it fails. The exit code of a pipe is that of its last program, unless the text begins with `set -o pipefail` in a shell that knows it; and what sorts out repetitions (`sort -u`) hides what was done twice. Should the tool be killed by SIGKILL, the program of a probe, a source or a fault dies with it, but not what it has started: write `exec` before the last command of a text.

## Any store, by a program

What no source or probe reads by itself, a program can: its standard output is read as it comes, and an exit code other than 0, with what it wrote to its standard error, is what is then known of the effects: nothing. It has to end within `timeout`; then, and at the end of the run, it is killed with all of its process group. It is guarded by the addresses that it is given as `${target.NAME}`: a host that is not this machine needs `--allow`. An address that is written out in its line is not looked at.

```toml
# SQLite
command = { run = "sqlite3 -readonly orders.db 'select operation from orders'" }
# MySQL: the customer's key orders the rows
command = { run = "mysql -BN shop -e 'select json_object(\"id\", operation, \"customer\", customer) from orders order by number'", identity = "/id", order = "/customer" }
# a topic of Kafka, to its end
command = { run = "kafka-console-consumer.sh --bootstrap-server h:9092 --topic orders --from-beginning --timeout-ms 5000", identity = "/order/id" }
# what a pod wrote
command = { run = "kubectl logs -n shop deploy/orders", identity = "regex:stored ([^ ]+)" }
```

A probe's `command` prints one number, or lines of `SERIES{LABEL} NUMBER` where it has tables `series.NAME`:

```toml
command = { run = "sqlite3 -readonly orders.db 'select count(*) from outbox'" }
command = { run = "./group-lag orders", series.lag = {} }   # prints lag{partition="0"} 12
```

## MongoDB and RabbitMQ queues

Documents are found by a filter or a pipeline of MongoDB in extended JSON; a stage that writes is refused. A date is read as a text (RFC 3339), the id of an object as its 24 digits, a number as it is. What one document has a list of, `$unwind` takes apart. Without a database in the address, `database` names it. `mongodb+srv://` is refused: write the hosts out.

```toml
# one document for each user, with the events that it was made of
mongodb = { url = "${target.store}", collection = "users", aggregate = '[{"$unwind":"$processed"},{"$project":{"user":1,"event":"$processed.id"}}]', identity = "field:event", order = "field:user" }
# one for each event
mongodb = { url = "${target.store}", collection = "events", find = '{"at":{"$gte":{"$date":"2026-01-31T00:00:00Z"}}}', sort = '{"at":1}', identity = "/message/id" }
# the same as a probe: a number, or one for each "label" or "_id"
mongodb = { url = "${target.store}", collection = "users", count = '{"version":{"$gt":0}}' }
mongodb = { url = "${target.store}", collection = "events", aggregate = '[{"$group":{"_id":"$state","value":{"$sum":1}}}]' }
```

Documents have an `order` where they are sorted, or where `$unwind` takes a list apart whose order is that of the key; behind `$group` and its like there is none.

The messages of a queue are read without being taken from it (`amqp_queue`). They are consumed, not acknowledged and returned in their order, so that all are where they were. What is left of a look is the mark of a redelivery, for which a host that is not this machine needs `--allow`. A queue that somebody consumes is not read, because either would miss messages: this is for queues of dead letters. A quorum queue counts each look as a delivery, and gives a message up at its limit (20 from RabbitMQ 4 on, unless it is set): a message that has been delivered ten times makes the source unreadable instead. Give such a queue `x-delivery-limit = -1`. Looks become rarer the longer effects are waited for.

A dead letter may say how often its operation was tried again. With `tries` in `[effects.dead]` the number is read, and with `tries` in the check `effects` it is judged: a dead letter with another number, or with none where others have one, is a violation. Where none has one it is looked for in the wrong place, which is inconclusive.

```toml
[effects.dead]
tries = "header:x-retry-count"   # or "header:x-death /0/count"
amqp_queue = { url = "${target.broker}", queue = "failed" }

[[check]]
name = "stored-once"
title = "each event is stored once; what is poisoned is given up after 5 retries"
effects = { source = "stored", workloads = ["events"], dead_letters = "poison", tries = 5 }
```

The probe `rabbitmq_queues` asks the management API. How many messages and consumers a queue has is so at the moment; what was published, delivered and acknowledged, and what a consumer holds, is as old as the broker's `collect_statistics_interval`, 5 s unless it is set. Consumers are named as their clients named their connections; of several with one name the one that holds most is shown. The tool's own are left out.

## Kafka

The probe `kafka` and the source of effects `kafka_topic` only look: they join no group, commit nothing and make no topic. `settings` are librdkafka's, as those of a workload, so TLS and a login are `"security.protocol" = "sasl_ssl"`, `"sasl.mechanism"`, `"sasl.username"`, `"sasl.password"` and `"ssl.ca.location"`. Brokers that a cluster names are connected to by librdkafka.

The probe gives `end_offset` of each partition, labelled `TOPIC-PARTITION` as Kafka itself does, and `committed_offset` and `lag` of each group in it, labelled `GROUP TOPIC-PARTITION`. Checks follow each of these by itself, so `bound` and `drain` on `lag` find one partition that is stuck among many that are not. `total_lag` and `max_lag` are of a group. Their bounds apply to every group of the probe; groups with other bounds have a probe of their own. With `isolation = "read_committed"` a partition ends at its last stable offset, so that what an open transaction holds back is no lag. Behind a transaction stands a mark that has an offset, too: a consumer that commits what is behind its last record, and not behind the mark, keeps a lag of 1.

While a group has committed no offset of a partition with records, its lag there is unknown, and so are `total_lag` and `max_lag`: a new consumer may begin at either end. Where it is known to begin at the earliest, say `uncommitted = "earliest"`; then every record waits. In a partition without records nothing waits.

What a group is doing are four series of 0 and 1: `stable`, `rebalancing`, `empty` and `dead`, which is a group that does not exist. `assigned` is how many partitions each member has, labelled with the group and the member's `client.id`. Nobody tells of rebalances that are over: `rebalances` counts those that two looks show, by a group that is in one or by other members or partitions, and so is the least that there were. Groups of both protocols are seen, the classic and that of KIP-848.

Of a topic, the records that were written since the run began are read, from every partition, up to where it ends when a look begins. Their identity is in the value, all of it unless `identity` says where, or at `property:key` or `header:NAME`; `property:timestamp`, `property:partition` and `property:offset` are there as well. A header of 4 or 8 bytes that begins with the byte 0 is read as the number that a serializer of Java wrote. By default records of transactions that are open or were aborted are no effects. With `order`, the effects of a key are in order within its partition; a key that has effects in several makes the check inconclusive. What was deleted since the run began (`retention.ms`) makes the source blind, and so does an offset without a record where the topic is compacted, since nobody knows what stood there. Each look reads all of it again until nothing more comes.

A system that takes events from one topic, writes what it made of them to another, and gives up into a third:

```toml
name = "downloads"
title = "every event is downloaded once, and no partition is left behind"

[system.targets.kafka]
help = "the cluster: HOST:PORT,HOST:PORT"
schemes = ["kafka"]

[[phase]]
name = "load"
for = "60s"

[[phase]]
name = "rest"
for = "30s"

[[workload]]
name = "events"
rate = "100/s"
phases = ["load"]
kafka = { brokers = "${target.kafka}", topic = "events.raw", key = "@{key}", headers = { "x-id" = "@{id}" } }

[[probe]]
name = "kafka"
kafka = { brokers = "${target.kafka}", topics = ["events.raw"], groups = ["download-worker"], uncommitted = "earliest" }

[[effects]]
name = "downloaded"
at = "property:timestamp"
kafka_topic = { brokers = "${target.kafka}", topic = "events.done", identity = "header:x-id", order = "property:key" }

[effects.dead]
tries = "header:x-retry-count"
kafka_topic = { brokers = "${target.kafka}", topic = "events.failed", identity = "header:x-id" }

[[check]]
name = "each-once"
title = "every event is downloaded once, or given up"
effects = { source = "downloaded", workloads = ["events"], dead_letters = "allowed" }

[[check]]
name = "no-partition-stuck"
title = "no partition is 1,000 events behind for 10 s"
bound = { series = "kafka.lag", phases = ["load"], max = 1000, for = "10s" }

[[check]]
name = "caught-up"
title = "all is worked off within 30 s"
drain = { series = "kafka.lag", phase = "load", to = 0, within = "30s" }

[[check]]
name = "stays-stable"
title = "the group is not out of its work for 10 s"
bound = { series = "kafka.stable", phases = ["load"], min = 1, for = "10s" }
```

## Processes of your own

A fault such as `kill_process` and the probe `process` name a *role*. In a lab the roles are the lab's; of your own system, `[system.roles.NAME]` says what a role does, and `--role NAME=PROCESSES`, or `default` in the file, who plays it:

- `pid-file:FILE`: the process that wrote its id there. A file that is older than the process that has the id now is refused: the id was given to another one.
- `name:EXPRESSION`: every process whose name, or the file name of its first word, is exactly the text, or whose command line matches the regular expression. `verify` itself, what it descends from and what it runs never match, nor do threads of the kernel. A supervisor that names the program on its own command line does: write `name:^python3 worker`, look with `--dry-run`.
- `unit:NAME`: the main process of a unit of systemd.
- `pid:PID`: one process for ever. After it was killed nobody can tell what took its place.
- `k8s:NAMESPACE/LABELS`: pods of the current cluster, `k8s:shop/app=worker`. What is done to processes of the role is done to the pods: `kill_process` is `kill_pods` then, `terminate_process` is `terminate_pods`, with the guards, budgets and rights of those, and the probe `process` is the probe `pods`. What has no meaning for pods is refused when the run is planned. Their owner makes new ones; there is no `start`.

```toml
[system.roles.worker]
help = "what stores the orders"
default = "name:^python3 worker"
start = ["python3", "worker.py"]    # only where no supervisor starts it again
```

How an ended process comes back is said once: without `start` a supervisor of yours starts it (a shell loop, systemd, a container's runtime), and a fault counts as healed when as many processes run as before. With `start`, or `--role-start worker='python3 worker.py'`, nobody else does: the command is run once for each process that is missing, in the folder from which `verify` was started, in a session of its own. What it starts outlives the run; what it writes is not kept, so let it write into a file. In a text `exec` before the last command leaves no shell behind that the role's name may match as well. The command is given no addresses of targets. Should `verify` be killed by SIGKILL, a watchdog runs the command when the time of `stop_process` is over; what an instant fault has ended, `chaos recover --journal RUN/faults.ndjson` starts. `stop_process` keeps processes down and so needs `start`: a supervisor would start them at once. A supervised one is broken with `run_command` and programs that stop and start it.

Should the command fail, or the role not be played again within `heal_within`, that is no failing of the system: what breaks from the time when the fault should have been over, and what is missing at the end, is inconclusive and names the fault; what broke before, and what took effect twice, is violated. Where a supervisor is to start them, a role that stays empty is judged.

A fault with `every = "10m"` comes again and again in its phase, for a run of hours: the seed draws its turns, which lie from half of that to one and a half times as much apart and are called `NAME-1`, `NAME-2` and so on. None meets another fault: a turn waits until whatever was broken before is over and has had its `heal_within`, and one that could not be whole again before the phase ends is not drawn. `verify --scenario FILE --dry-run` shows them all, `--seed` draws others. `excused_by = ["NAME"]` means all of its turns; what is counted from the healing of one fault (`drain`, `recovery`) names one that comes once. The scenario `soak` is made of such faults: `verify --scenario soak --duration 8h`.

A selector that finds nobody, or a process that may not be hit (another user's needs `--allow PID`), ends the run before its load. `--dry-run` shows for each fault whom it would hit, out of how many, and their command lines. The process probe follows as many processes as there are at its first look, each under a name of its own: that of its pid file or unit, else `NAME-1`, `NAME-2` in the order in which they began; one that takes the place of an ended one takes its name and counts as a restart. Two restarts between two samples are seen as one. Log lines are read from a `file`. Items with `needs = "lab"` that need it for a role alone are part of a run in which the role is played.

A complete example: a shop on this machine that stores orders in a file, started again by `while :; do python3 shop.py; sleep 0.5; done`.

```toml
name = "orders"
title = "an order that was accepted is stored once, and the shop comes back"

[system.targets.shop]
help = "the shop, as http://host:port"
schemes = ["http"]

[system.roles.shop]
help = "what answers and stores the orders"
default = "name:shop\\.py"      # a shell loop starts it again

[[phase]]
name = "baseline"
for = "10s"

[[phase]]
name = "faults"
for = "20s"

[[phase]]
name = "settle"
for = "10s"

[[workload]]
name = "order"
rate = "50/s"
phases = ["baseline", "faults"]
http = { method = "POST", url = "${target.shop}/orders", body = '{"id":"@{id}"}', accepted = "201" }

[[fault]]
name = "kill"
phase = "faults"
at = "2s"
kill_process = { role = "shop" }
heal_within = "10s"

[[probe]]
name = "shop"
every = "500ms"
health = { url = "${target.shop}/health" }

[[probe]]
name = "process"
every = "500ms"
process = { role = "shop" }

[[effects]]
name = "file"
ndjson = { file = "orders.ndjson", identity = "/id" }

[[check]]
name = "stored-once"
title = "every accepted order is stored once"
effects = { source = "file", workloads = ["order"] }

[[check]]
name = "answers-again"
title = "the shop answers again within 10 s of its start"
recovery = { series = "shop.up", baseline = "baseline", after = "kill", within = "10s", for = "3s" }

[[check]]
name = "is-there"
title = "nobody but the one who was killed is started again"
absence = { series = "process.restarts", phases = ["baseline", "faults", "settle"], excused_by = ["kill"] }
```

Run where `orders.ndjson` is, it kills the shop once and ends with HELD if no accepted order is missing or stored twice and the shop answered again in time:

```sh
verify --scenario orders.toml --target shop=http://127.0.0.1:8080 --dry-run   # whom it would hit
verify --scenario orders.toml --target shop=http://127.0.0.1:8080
```

## What is looked at before a load

`verify lint` and every run refuse an address that its reader cannot read, such as `sqlite://` in a table `sql`. A run with targets then looks, before any load and at everything at once, for some seconds at most:

- Nobody answers, a login is refused, an exchange of a tap or workload does not exist, a Redis key is of another kind, MongoDB cannot carry out what it is asked, or PostgreSQL cannot carry out a query (it is prepared, not run: a column that is not there, a syntax error): the run ends, and all of it is told.
- A table, stream, group, queue, topic, collection or metric is not there: a warning with the nearest names of what there is, because the system may make it later. A key of Redis that is not there is empty, and a metric with `absent_is_zero` may be missing, unless it is asked for with labels: then others would have its name, and while it never is there in a run the checks that read it are inconclusive. A histogram without a bucket of exactly the bound that is asked for ends the run.
- A fault whose selector (`matching`) would hit nobody now: a warning with the nearest candidates, because a client may connect later.

## Poison, retries and errors

A share of a workload's operations can be poison, and a service may try each as often as it likes before it gives up. What that does to a counter of errors or dead letters is not held against it where `speed` says so:

```toml
# each of them is one dead letter
speed = { series = "service.dead_letters", phases = ["load"], max = "10/s", poison = { of = ["send"], each = 1 } }
# nobody knows how many errors each of them is
speed = { series = "service.errors", phases = ["load"], max = "1/s", poison = { of = ["send"], until = "dead.added" } }
```

With `until` the counter is judged only while no poison is under way: when all that had come due was given up. Errors at such times are the system's own, whatever the number of retries is, and too many of them are violated. Not seen are errors that only come while poison is under way, such as a whole batch that fails because of one message; give `each` to bound them. Where poison is under way nearly always the check is inconclusive, unless all errors together are few enough: give a smaller share of poison, or a longer run.

## What messages and documents must look like

A contract is a JSON Schema in a file (draft 2020-12, or 7 where its `$schema` says so), beside the scenario or in a folder there of the scenario's name. A source of effects with a `schema` has each of its records held against it: of a message its body, of a row its first column (`select row_to_json(m) from messages m`, with `identity = "/id"`), of an entry of a stream its fields as an object of texts, of a hash the value, of a line the line. What is no JSON departs from it. The check `schema` says how many may:

```toml
[[effects]]
name = "documents"
schema = "document.schema.json"
sql = { url = "${target.database}", query = "select body from documents", identity = "/id" }

[[check]]
name = "documents-follow-the-contract"
title = "every document follows the contract"
schema = { source = "documents", at_least = 100 }
```

Judged are the records of this run. Those of other runs are not, nor are dead letters and what the load itself poisoned. One without an identity is of this run in the lab; elsewhere such records are judged where none shows an identity, and make the check inconclusive where others do and they depart from the contract. Where a source has an `aggregate`, its records are of this run by their key, by that of any aggregate of the scenario; those of other keys are somebody else's, but in the lab. The schema becomes part of the plan, so that a run can be judged anywhere.

With a `schema` of its own a workload is looked at before the load: some dozen of the bodies that it will send must follow, or the run does not begin (`verify lint` looks as well), and poison that follows is a warning.

Formats such as `date-time` are demanded; one that nobody knows is a warning. Nothing is ever fetched: a `$ref` leads to a place in the same file (`#/$defs/item`). Patterns have neither look-around nor back-references, so that none takes for ever.

## Advice on the size

What a run showed of how much the system is used can end in advice, which no verdict and no exit code goes by:

```toml
[[advice]]
name = "scale-up"
say = "add workers"
any = [
  { series = "queues.total_depth", phases = ["load"], above = 1000, for = "10s" },
  { latency = "publish", quantile = "95%", phases = ["load"], above = "30s" },
  { series = "workers.busy", phases = ["load"], above = "80%" },
]

[[advice]]
name = "scale-down"
say = "take workers away"
all = [
  { series = "queues.total_depth", phases = ["load"], below = 100 },
  { series = "workers.busy", phases = ["load"], below = "20%" },
]
```

A condition with `for` is met when the series lies beyond the value for so long without a break; one without, when its median over the phases does. Of a series with several labels, such as processes, the average counts at each moment. What was not seen is unknown: with `any` one condition that is met is enough, and with `all` one that is not. `workers.busy`, of a probe `process`, is the share of one processor that a process used since the sample before.

## A new version beside the stable one

A balancer sends a part of the traffic to a new version, and each answer says in a header which version gave it. With `split` the load keeps apart what each of them answered: `users.canary` and `users.stable` are workloads of their own then, of which the counts `due` (what they answered), `acked`, `failed`, `indeterminate` and `unsuccessful` and the response times are known. What nobody answered is neither's. Without such a header two workloads, each with a URL of its own, do as well. Values with dots are added up: `canary.read` and `canary.write` give `users.canary.read`, `users.canary.write` and, together, `users.canary`, so that one header says version and route.

```toml
[[workload]]
name = "users"
rate = "500/s"
phases = ["canary"]
http = { url = "${target.service}/", method = "GET", split = { header = "x-version", values = ["stable", "canary"] } }

[[check]]
name = "errors"
title = "at most 0.5 % of the new version's answers are errors, and 1 point more than stable's"
canary = { phases = ["canary"], share = { of = "users.canary.unsuccessful", to = "users.canary.due", stable_of = "users.stable.unsuccessful", stable_to = "users.stable.due", max = "0.5%", more = "1%" } }

[[check]]
name = "response-time"
title = "95 % of its answers come within 5 ms, and take at most 10 % longer than stable's"
canary = { phases = ["canary"], latency = { workloads = ["users.canary"], stable = ["users.stable"], quantile = "95%", max = "5ms", higher = "10%", higher_by = "1s" } }

[[check]]
name = "split"
title = "it gets a twentieth of the traffic"
canary = { phases = ["canary"], split = { canary = "users.canary.due", stable = "users.stable.due", shares = ["5%"] } }
```

`share` takes any counters, such as those of a `prometheus` probe of each version: rejections, time-outs, errors in a log. So a new version can be judged by the traffic that there is anyhow, in a scenario without a workload ([how](canary-inputs.md)). `latency` without a `quantile` compares the typical time; with several workloads, such as one for each route, each is judged by itself and all together. `callers` is about the keys of a workload (`@{key}`): one that fails always is lost, however few its requests are.

A figure is *violated* where it lies beyond its bound for certain, *held* where it certainly keeps it, and *inconclusive* between: then the check says how many more requests it takes. All canary checks of a scenario share one probability of error, 1 % unless `confidence` says otherwise, and keep to it however often one looks, so that a run may end early (`[safety] stop_if`). What the stable version suffers at the same time is not held against the new one. How often they are wrong, `verify calibrate` measures ([figures](calibration.md)).

The steps of a canary are faults, so that whatever ends the run, the stable version has all of the traffic again:

```toml
[[fault]]
name = "to-5"
phase = "step-5"
shift_traffic = { url = "${target.weight}", to = "5%", until = "settle" }
```

`GET` of that address answers with the new version's share in percent (`5`), `PUT` with such a number sets it and answers when it is in force, with the number or with nothing: a few lines in front of any balancer. With `--abort-on-fail` the run ends as soon as a check is certainly violated, the share is set back, and the program of `[safety] on_abort` is run, if there is one. At the end of each phase that canary checks judge, the report advises to promote, hold or roll back, with the reason, and a score of the checks that held: of errors, latency, traffic and saturation, and of all.

## Deployments

A deployment that is updated while a run goes on is neither load nor fault. It stands with its steps in a table of its own:

```toml
[[deployment]]
name = "orders"
at = { control = "${target.deployments}" }
canary = "orders-canary"
images = { stable = "orders:1", new = "orders:2" }
roll_back_if = ["lag"]

[[deployment.step]]
name = "canary"
phase = "rollout"
weight = "1 of 4"
within = "30s"

[[deployment.step]]
name = "to-new"
phase = "rollout"
at = "40s"
set_image = "new"
within = "60s"
```

Who orchestrates it stands in `at`: `control`, the API of a controller such as the lab's; `kubernetes`, a namespace of a cluster as `CONTEXT/NAMESPACE`; or `commands`, programs of your own, which set images and nothing else. A file may write down several: the run takes the one of which the target or the parameter has a value, and there has to be exactly one. The shipped scenario `rolling-deploy` leaves the choice to you in this way ([how](deployments.md)).

A step that its orchestrator cannot take ends the run at planning, unless it says `optional = true`: then it is left out, with the reason in the report. `enabled = "${canary}"` lets a parameter switch it off. Where no step with a weight is left, nobody looks for the canary. What means nothing without a step says so: a check with `needs = "orders/canary"` is left out along with that step. Commands tell nothing of pods, so a check on their counts is left out where it is `optional`, and a mistake elsewhere.

A step asks for exactly one thing. It waits until the step before it is done, unless it says `overlaps = true`; it is *confirmed* when the orchestrator has seen it, *done* when every pod is new and available and no old one is left, and *failed* when `within` is over, when the orchestrator gives it up (its progress deadline), or when it is refused. After a step that was not done the next ones are skipped, unless they overlap: let the `undo` of a rollout that may fail say so. A weight is a pair of counts, of which `0 of 4` takes the canary away.

Before the first step what was there is written down, and whatever ends the run, it is set again: images, numbers of pods, and whether the deployment was paused. With `after = "keep"` it stays as the last step left it, if that was done. Nothing is set where somebody else has changed it meanwhile.

When a check of `roll_back_if` is violated while the run goes on, the run says that it would roll back, and goes on. With `--act` the steps that are left are skipped, the image called `stable` and the numbers of pods from before are set, and the run goes on as well: that the rollback is done in time, and that the system recovers, is what is to be shown. Where no check of `roll_back_if` is left, `--act` is refused. A check `rollout` may be named, too: it is violated as soon as a step is given up, or was not what it was to be when it was done.

A fault can wait for a step: `after = { deployment = "orders", step = "to-new", updated = 2 }` hits as soon as two pods are new. Without `updated` the step must be done.

## What does not exist yet

A stream, its consumer group, a table, a queue, a topic or a collection that does not exist yet is empty: a working server says so. Of a group that does not exist yet every entry of its stream waits. Once it was there, its absence is no zero but a probe that cannot see. A check on something that never existed during the run is inconclusive and names it, as a name that is spelt wrong would hold everything. Of streams that are numbered, those that nothing was ever written to are only named among the warnings; so are Redis keys, which exist only while they have elements, and dead letters that are nowhere.

## A starved host

Every run records how its host fares, once a second. A second is *starved* when the run and its lab waited for processors that others used, or that the hypervisor gave away. A check that has to do with pace and breaks only then, or in as much time again behind it, is inconclusive: `latency`, `canary` of response times, `speed`, `drain`, `recovery`, and `bound`, `growth`, `trend` and `ratio` of a series that is a time, a rate or counts what waits: of the probes' own series the backlogs, lags and queues, of a workload's those of operations that were not answered. Of a metric, a query or a program nobody knows it but you: `waits = true`. What is broken at other times, too, is violated; so is a `drain` of what did not fall by anything in half of the time that it has, in seconds in which the host was not starved and no load was due; and so is, at any time, what was lost, done twice, reordered, restarted or left open. A system of your own on the same host counts among the others, unless its processes play a role.

## What is left out of a run

Items are left out when you say so (`--skip CHECK`, `--skip-fault FAULT`, `enabled` off), and when the run cannot do them and the file says that they may go: `needs = "lab"` for what needs the lab while the run has none (unless it needs it for a role alone, and `--role` names who plays it), `needs = "DEPLOYMENT/STEP"` for what means nothing without a step that is left out, `optional = true` for what misses an address, a role, or something that it refers to. A run that cannot do anything else does not start: the message names everything that is missing at once, with what to give and what to skip. Probes and effects that no check of the run reads may always be missing. A list loses the members that are left out. An optional key that is empty, or names a target without an address, counts as not given.

What is left out stands in the headline (`1 fault and 2 checks skipped`) and in every report; JUnit has it as skipped test cases; before the run starts, and with `--dry-run`, each reason is said with all that it takes. A parameter, an address or a role that is given and that only what is left out would use has no effect, which is warned of. A run of a scenario with faults of which none is left is inconclusive, unless each was left out by its name or its switch.
"#;

/// The reference of the language, as Markdown.
#[must_use]
pub fn reference() -> String {
    let schema = super::schema();
    let mut out = INTRODUCTION.to_owned();
    types(&mut out, &schema);
    series(&mut out);
    out.push_str("\n## The file\n");
    keys(&mut out, &schema);
    let properties = &schema["properties"];
    for name in ORDER {
        let table = &properties[name];
        let (title, inner) = header(name, table);
        section(&mut out, 2, &title, table, inner);
    }
    out
}

/// The types of values.
fn types(out: &mut String, schema: &Json) {
    out.push_str("\n## Values\n\n| type | examples | meaning |\n| --- | --- | --- |\n");
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        let examples = definition["examples"].as_array().into_iter().flatten();
        let examples: Vec<String> = examples.map(|example| format!("`{example}`")).collect();
        let about = text(&definition["description"]);
        out.push_str(&format!("| {name} | {} | {about} |\n", examples.join(", ")));
    }
}

/// The series of workloads and of each kind of probe.
fn series(out: &mut String) {
    out.push_str("\n## Series\n\n| of | series | unit | meaning |\n| --- | --- | --- | --- |\n");
    let probes = crate::plan::probe::KINDS.iter().map(|&(word, infos)| (word, infos));
    let always = [
        ("workload", crate::series::WORKLOAD),
        ("deployment", crate::series::DEPLOYMENT),
        (crate::series::HOST_NAME, crate::series::HOST),
    ];
    for (word, infos) in always.into_iter().chain(probes) {
        for info in infos {
            let unit = if info.counter { "counter" } else { info.unit.word() };
            out.push_str(&format!("| {word} | `{}` | {unit} | {} |\n", info.name, info.about));
        }
    }
    out.push_str(
        "\nA counter only rises, and starts at 0 again with its process. `speed`, `ratio` and \
         `absence` take counters.\n",
    );
}

/// How a table is headed in a file, and the schema of its keys.
fn header<'a>(path: &str, table: &'a Json) -> (String, &'a Json) {
    if table["type"] == "array" {
        (format!("`[[{path}]]`"), &table["items"])
    } else if table["additionalProperties"].is_object() {
        (format!("`[{path}.NAME]`"), &table["additionalProperties"])
    } else {
        (format!("`[{path}]`"), table)
    }
}

fn section(out: &mut String, depth: usize, title: &str, table: &Json, inner: &Json) {
    out.push_str(&format!("\n{} {title}\n\n{}\n", "#".repeat(depth), text(&table["description"])));
    if let Some(kinds) = inner["oneOf"].as_array() {
        let words = kinds.iter().map(|kind| format!("`{}`", text(&kind["required"][0])));
        let words: Vec<String> = words.collect();
        out.push_str(&format!("\nExactly one of {} is given.\n", words.join(", ")));
    }
    keys(out, inner);
    let path = title.trim_matches(['`', '[', ']']).to_owned();
    for (name, table) in object(&inner["properties"]).filter(|(_, table)| is_section(table)) {
        let (title, inner) = header(&format!("{path}.{name}"), table);
        section(out, (depth + 1).min(4), &title, table, inner);
    }
}

/// The keys of a table that are single values or lists, those that must be
/// given first.
fn keys(out: &mut String, table: &Json) {
    let empty = Vec::new();
    let required = table["required"].as_array().unwrap_or(&empty);
    let is_required = |name: &str| required.iter().any(|key| key == name);
    let mut rows: Vec<(&String, &Json)> =
        object(&table["properties"]).filter(|(_, value)| !is_section(value)).collect();
    rows.sort_by_key(|(name, _)| !is_required(name));
    if rows.is_empty() {
        return;
    }
    out.push_str("\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for (name, value) in rows {
        let default = match &value["default"] {
            _ if is_required(name) => "**must be given**".to_owned(),
            Json::Null => String::new(),
            Json::String(empty) if empty.is_empty() => "empty".to_owned(),
            default => format!("`{default}`"),
        };
        let about = text(&value["description"]);
        out.push_str(&format!("| `{name}` | {} | {default} | {about} |\n", type_of(value)));
    }
}

/// Whether a property is a table with keys of its own, and not one of texts.
fn is_section(value: &Json) -> bool {
    let (_, inner) = header("", value);
    inner["properties"].is_object()
}

fn type_of(value: &Json) -> String {
    if let Some(name) = value["$ref"].as_str() {
        return name.trim_start_matches("#/$defs/").to_owned();
    }
    if let Some(one) = value["anyOf"][0]["$ref"].as_str() {
        return format!("{}, or a list", one.trim_start_matches("#/$defs/"));
    }
    "table of texts".to_owned()
}

fn object(value: &Json) -> impl Iterator<Item = (&String, &Json)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}
