-- What the workers write to. The unique indexes are made apart, because some
-- variants leave them out.
create table if not exists messages (
    id bigserial primary key,
    "messageId" text not null,
    "idempotencyKey" text not null,
    "correlationId" text not null,
    "conversationId" text not null,
    "senderId" text not null,
    "contentType" text not null,
    body text not null,
    "acceptedAt" timestamptz not null,
    "acceptedSeq" bigint not null,
    "createdAt" timestamptz not null default clock_timestamp()
);
create table if not exists message_receipts (
    "messageId" text not null,
    "userId" text not null,
    state text not null,
    primary key ("messageId", "userId")
);
