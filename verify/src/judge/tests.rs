//! The judge against liars: each kind of check must be able to hold, to be
//! violated and to be inconclusive.

mod absent;
mod advice;
mod answers;
mod away;
mod canary;
mod compare;
mod ingest;
mod kafka;
mod leftover;
mod lost;
mod operations;
mod poison;
mod record;
mod rollout;
mod run;
mod scene;
mod schema;
mod scraped;
mod series;
mod so_far;
mod standstill;
mod starvation;
mod together;
mod trends;
mod tries;
mod unhealed;
