-- What the result-processors write to. The unique index is made apart, because some
-- variants leave it out.
create table if not exists results (
    id bigserial primary key,
    event_id text not null,
    account text not null,
    object text not null,
    bytes bigint not null,
    digest text not null,
    version text not null,
    others jsonb not null,
    written_at timestamptz not null default clock_timestamp()
);
