//! Which node each operation goes to, and what becomes of it there.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::super::Target;
use super::super::topology::{Endpoint, Refusal, Topology};
use super::learning::Learning;
use super::node::{self, Held, Node};
use super::{Cluster, MOST_HELD, MOST_REFUSED, PAUSE};
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::reach::Unready;

/// How often it is sent elsewhere at once; then there is a pause before, lest
/// two nodes that disagree are asked in a circle.
const AT_ONCE: u8 = 3;

/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How often is looked after what waits, while something does.
const SWEEP: Duration = Duration::from_millis(20);

/// With operations waiting and no answer for so long, the topology is learnt
/// again: the node may hang, and be replaced.
const STALLED: Duration = Duration::from_secs(1);

const NOBODY: &str = "no node of the cluster serves the slot";

/// What happens next.
enum Event {
    Op(Option<Op>),
    /// Something happened at this node.
    Node(usize, node::Event),
    Learnt(Result<Topology, Unready>),
}

/// The links of one connection, and what waits for them.
pub(super) struct Router<'a> {
    target: &'a Target,
    cluster: &'a Cluster,
    lane: &'a Lane,
    nodes: Vec<Node<'a>>,
    /// The node of each key, or why there is none.
    routes: Vec<Result<usize, Reason>>,
    /// Refused operations that wait for another attempt.
    later: VecDeque<Held>,
    learning: Learning<'a>,
    /// Operations that were sent more than once may be under way until then,
    /// so that they are not overdue in the order in which they were sent.
    troubled_until: Duration,
    sweep_at: Duration,
    /// The node that is looked at first, another one each time.
    turn: usize,
    scratch: Vec<u8>,
    more: bool,
}

impl<'a> Router<'a> {
    /// A router that has taken no operation yet.
    pub(super) fn new(target: &'a Target, cluster: &'a Cluster, lane: &'a Lane) -> Self {
        let mut router = Self {
            target,
            cluster,
            lane,
            nodes: Vec::new(),
            routes: Vec::new(),
            later: VecDeque::new(),
            learning: Learning::default(),
            troubled_until: Duration::ZERO,
            sweep_at: Duration::ZERO,
            turn: 0,
            scratch: Vec::new(),
            more: true,
        };
        router.learnt(&cluster.topology(), lane.now());
        router
    }

    /// Drives the connection until there are no more operations.
    pub(super) async fn run(mut self) {
        loop {
            self.attend();
            self.top_up();
            if self.is_done() {
                return;
            }
            let deadline = self.deadline();
            let lane = self.lane;
            let event = lane.limit(deadline, self.event()).await;
            let now = lane.now();
            match event {
                Some(Event::Op(Some(op))) => self.accept(op, now),
                Some(Event::Op(None)) => self.more = false,
                Some(Event::Node(node, event)) => self.happened(node, event, now),
                Some(Event::Learnt(learnt)) => self.advised(learnt, now),
                None => {}
            }
            // Events that never pause must not keep from it.
            if now >= deadline {
                self.sweep(now);
            }
        }
    }

    /// Whether another operation may be taken. While no node is reached, the
    /// operations wait where other connections find them.
    fn has_room(&self) -> bool {
        let full = |node: &Node<'_>| node.is_up() && node.queued() >= self.target.pipeline;
        self.more
            && if self.nodes.iter().any(Node::is_up) {
                !self.nodes.iter().any(full)
            } else {
                self.is_free()
            }
    }

    /// Whether no operation waits to be sent.
    fn is_free(&self) -> bool {
        self.later.is_empty() && self.nodes.iter().all(|node| node.queued() == 0)
    }

    fn is_done(&self) -> bool {
        !self.more && self.is_free() && !self.nodes.iter().any(Node::is_awaited)
    }

    /// Takes what is due already; all of it is written at once.
    fn top_up(&mut self) {
        if !self.has_room() {
            return;
        }
        if !self.nodes.iter().any(Node::is_up) {
            self.lane.give_up_stale();
        }
        let now = self.lane.now();
        while self.has_room()
            && let Some(op) = self.lane.try_next()
        {
            self.accept(op, now);
        }
    }

    fn accept(&mut self, op: Op, now: Duration) {
        let part = self.target.template.part(self.lane, &op);
        let held = Held {
            op,
            part,
            since: now,
            sent: false,
            asking: false,
            refused: 0,
            at: now,
            why: None,
        };
        self.route(held, now);
    }

    /// Gives an operation to the node of its key.
    fn route(&mut self, mut held: Held, now: Duration) {
        held.asking = false;
        match self.routes[held.part] {
            Ok(node) => self.give(node, held, now),
            Err(ref reason) if reason.is_forbidden() => {
                held.why = Some(reason.clone());
                self.learning.wanted = true;
                held.fail(self.lane, now);
            }
            Err(ref reason) => {
                held.why.get_or_insert_with(|| reason.clone());
                self.learning.wanted = true;
                self.postpone(held, now);
            }
        }
    }

    fn give(&mut self, node: usize, held: Held, now: Duration) {
        if self.nodes[node].can_send() {
            self.send(node, held, now);
        } else {
            self.nodes[node].queue(held, self.lane, now);
        }
    }

    /// Puts an operation into the link of a node that has room.
    fn send(&mut self, node: usize, mut held: Held, now: Duration) {
        let Some(pipe) = self.nodes[node].pipe_mut() else { return };
        if !held.sent {
            held.sent = true;
            held.since = now;
        }
        let since = held.since;
        if held.asking {
            pipe.put(since, |out| {
                out.extend_from_slice(b"*1\r\n$6\r\nASKING\r\n");
                None
            });
        }
        let (lane, scratch) = (self.lane, &mut self.scratch);
        pipe.put(since, |out| {
            self.target.template.write(held.part, lane, &held.op, since, scratch, out);
            Some(held)
        });
    }

    /// Lets an operation wait before it is sent again.
    fn postpone(&mut self, mut held: Held, now: Duration) {
        let doubled = PAUSE * (1 << held.refused.min(5));
        held.at = now + doubled.min(LONGEST_PAUSE);
        self.later.push_back(held);
        if self.later.len() > MOST_HELD
            && let Some(oldest) = self.later.pop_front()
        {
            oldest.fail(self.lane, now);
        }
    }

    /// Sends what waits for room.
    fn drain(&mut self, node: usize, now: Duration) {
        while let Some(held) = self.nodes[node].pop_sendable() {
            self.send(node, held, now);
        }
    }

    /// Something happened at a node.
    fn happened(&mut self, node: usize, event: node::Event, now: Duration) {
        match event {
            node::Event::Dialled(Ok(link)) => {
                self.nodes[node].up(link, self.target, self.lane);
                self.drain(node, now);
            }
            node::Event::Dialled(Err(error)) => {
                let at = &mut self.nodes[node];
                match self.target.reach.refusal(&at.endpoint.host) {
                    Some(why) => at.forbidden(&why, self.lane, now),
                    None => at.refused(error, self.lane, now),
                }
                self.learning.wanted = true;
            }
            node::Event::Read => match self.take(node, now) {
                Ok(()) => self.drain(node, now),
                Err(error) => self.lost(node, &error, now),
            },
            node::Event::Lost(error) => {
                // Answers that came before the loss count.
                let _ = self.take(node, now);
                self.lost(node, &error, now);
            }
        }
    }

    fn lost(&mut self, node: usize, error: &str, now: Duration) {
        self.nodes[node].lost(error, self.lane, now);
        self.learning.wanted = true;
    }

    /// Settles what was answered, or sends it elsewhere.
    fn take(&mut self, node: usize, now: Duration) -> Result<(), String> {
        let mut back = Vec::new();
        let taken = self.nodes[node].take(self.lane, now, &mut back);
        for (held, refusal) in back {
            self.refused(held, refusal, now);
        }
        taken
    }

    /// An operation was definitely not done, and may be elsewhere or later.
    fn refused(&mut self, mut held: Held, refusal: Refusal, now: Duration) {
        self.troubled_until = now + self.lane.timeout();
        held.refused = held.refused.saturating_add(1);
        let elsewhere = refusal != Refusal::Later;
        if held.since + self.lane.timeout() <= now || elsewhere && held.refused > MOST_REFUSED {
            held.fail(self.lane, now);
            return;
        }
        match refusal {
            Refusal::Moved { slot, to } => {
                self.learning.wanted = true;
                match self.node(&to) {
                    Ok(node) => self.reroute(slot, node),
                    Err(reason @ Reason::Forbidden(_)) => {
                        held.why = Some(reason);
                        held.fail(self.lane, now);
                        return;
                    }
                    Err(reason) => held.why = Some(reason),
                }
                if held.refused <= AT_ONCE {
                    self.route(held, now);
                } else {
                    self.postpone(held, now);
                }
            }
            Refusal::Ask(to) => match self.node(&to) {
                Ok(node) => {
                    held.asking = true;
                    self.give(node, held, now);
                }
                Err(reason) => {
                    held.why = Some(reason);
                    held.fail(self.lane, now);
                }
            },
            Refusal::Later => {
                self.learning.wanted = true;
                self.postpone(held, now);
            }
        }
    }

    fn reroute(&mut self, slot: u16, node: usize) {
        for (route, of) in self.routes.iter_mut().zip(self.cluster.slots()) {
            if *of == slot {
                *route = Ok(node);
            }
        }
    }

    /// The number of the node at an endpoint, which may be new. One that may not
    /// be reached is none.
    fn node(&mut self, endpoint: &Endpoint) -> Result<usize, Reason> {
        if let Some(known) = self.nodes.iter().position(|node| node.endpoint == *endpoint) {
            return Ok(known);
        }
        if let Some(why) = self.target.reach.refusal(&endpoint.host) {
            return Err(Reason::Forbidden(why));
        }
        self.nodes.push(Node::new(self.target, endpoint).map_err(Reason::Unreachable)?);
        Ok(self.nodes.len() - 1)
    }

    /// The attempt to learn the topology has ended.
    fn advised(&mut self, learnt: Result<Topology, Unready>, now: Duration) {
        self.learning.ended(learnt.is_ok(), now);
        if let Ok(topology) = learnt {
            self.learnt(&topology, now);
        }
    }

    /// Keeps to a topology: whatever waits for a node waits for the one that
    /// serves its slot now.
    fn learnt(&mut self, topology: &Topology, now: Duration) {
        let waiting: Vec<Held> = self.nodes.iter_mut().flat_map(Node::empty).collect();
        let owners: Vec<_> =
            self.cluster.slots().iter().map(|&slot| topology.owner(slot)).collect();
        self.nodes.retain(|node| node.is_awaited() || owners.contains(&Some(&node.endpoint)));
        self.routes = owners
            .iter()
            .map(|owner| match owner {
                Some(endpoint) => self.node(endpoint),
                None => Err(Reason::Unreachable(NOBODY.to_owned())),
            })
            .collect();
        self.learning.advisers = self.cluster.advisers(topology);
        for held in waiting {
            self.route(held, now);
        }
    }

    /// Makes links, and learns the topology, where it is wanted and time.
    fn attend(&mut self) {
        let troubled = self.learning.wanted || self.nodes.iter().any(|node| !node.is_up());
        if !troubled {
            return;
        }
        let now = self.lane.now();
        let Self { target, lane, learning, .. } = self;
        for node in &mut self.nodes {
            node.dial(target, lane, now);
        }
        learning.attend(target, lane.timeout(), now);
    }

    /// Gives up what is overdue, and sends again what has waited.
    fn sweep(&mut self, now: Duration) {
        self.sweep_at = now + SWEEP;
        let lane = self.lane;
        let before = now.checked_sub(lane.timeout());
        for node in 0..self.nodes.len() {
            let at = &mut self.nodes[node];
            at.expire_queue(before, lane, now);
            if at.dial_end().is_some_and(|end| end <= now) {
                at.refused("no answer within the timeout".into(), lane, now);
                self.learning.wanted = true;
                continue;
            }
            let waits = at.waits_since().is_some_and(|since| since + STALLED <= now);
            let mut stalled = true;
            if let Some(pipe) = at.pipe_mut() {
                let gone = pipe.expire(before, |held, since| {
                    lane.settle_at(held.op, since, now, &Answer::Indeterminate(Reason::Timeout));
                });
                stalled = pipe.oldest().is_some_and(|oldest| oldest + STALLED <= now);
                if gone {
                    self.lost(node, "no answer within the timeout", now);
                }
            }
            if waits && stalled {
                self.learning.want_after(STALLED, now);
            }
        }
        for _ in 0..self.later.len() {
            let Some(held) = self.later.pop_front() else { break };
            if before.is_some_and(|before| held.since <= before) {
                held.fail(lane, now);
            } else if held.at <= now {
                self.route(held, now);
            } else {
                self.later.push_back(held);
            }
        }
    }

    /// When to look after what waits, if nothing happens before.
    fn deadline(&self) -> Duration {
        let timeout = self.lane.timeout();
        let oldest = self.nodes.iter().filter_map(|node| node.pipe()?.oldest()).min();
        let overdue = oldest.map_or(Duration::MAX, |oldest| oldest + timeout);
        let troubled = self.learning.wanted
            || !self.later.is_empty()
            || self.nodes.iter().any(Node::is_troubled)
            || oldest.is_some_and(|oldest| oldest < self.troubled_until);
        if troubled { overdue.min(self.sweep_at) } else { overdue }
    }

    async fn event(&mut self) -> Event {
        let room = self.has_room();
        let lane = self.lane;
        let mut next = pin!(lane.next());
        poll_fn(|cx| {
            if let Poll::Ready(event) = self.poll(cx) {
                return Poll::Ready(event);
            }
            if room { next.as_mut().poll(cx).map(Event::Op) } else { Poll::Pending }
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(work) = &mut self.learning.work
            && let Poll::Ready(learnt) = work.as_mut().poll(cx)
        {
            return Poll::Ready(Event::Learnt(learnt));
        }
        let count = self.nodes.len();
        for step in 0..count {
            let node = (self.turn + step) % count;
            if let Poll::Ready(event) = self.nodes[node].poll(cx) {
                self.turn = node + 1;
                return Poll::Ready(Event::Node(node, event));
            }
        }
        Poll::Pending
    }
}
