-- A batch of messages with their receipts, in one step: all or none. The rows
-- are numbered in the order of the batch. Gives how many messages were new.
with given as (
    select * from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
        $6::text[], $7::text[], $8::text[], $9::bigint[]
    ) with ordinality as g(m, k, c, v, s, t, b, a, q, n)
), new as (
    insert into messages (
        "messageId", "idempotencyKey", "correlationId", "conversationId", "senderId",
        "contentType", body, "acceptedAt", "acceptedSeq"
    )
    select m, k, c, v, s, t, b, a::timestamptz, q from given order by n
    on conflict do nothing
    returning "messageId"
), receipts as (
    insert into message_receipts ("messageId", "userId", state)
    select m, u, 'pending' from unnest($10::text[], $11::text[]) as r(m, u)
    where m in (select "messageId" from new)
    on conflict do nothing
)
select count(*) from new
