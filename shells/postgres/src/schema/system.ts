/**
 * Lowtide's own tables, as numbered migrations: what is here once is never changed again, the next one stands below.
 * `:schema` is the schema, quoted. Names begin with `lowtide_`, which no table of functions may.
 */
export const system: readonly { readonly number: number; readonly name: string; readonly sql: string }[] = [{
  number: 1, name: 'the log, the inbox, consumers, instances and what is parked', sql: `
-- What this database is: how many partitions its channels have, which server it was made on, and what is added to a transaction's id
-- ('shift') so that ids go on rising when the rows move to a server that counts from a lower one.
create table :schema.lowtide_meta (key text collate "C" primary key, value text not null);

-- Every message, in its channel and partition. A transaction's id and a number within it make the position: there is no sequence, so
-- nothing is ever skipped, and a reader that stays below the oldest running transaction never misses one that commits late.
create table :schema.lowtide_log (
  channel text collate "C" not null, partition smallint not null, tx bigint not null, n int not null, message json not null,
  primary key (channel, partition, tx, n));

-- What was handled, by consumer and id of the message; a command's (consumer '') holds its outcome, whose events stand in the log.
create table :schema.lowtide_inbox (
  consumer text collate "C" not null, id text collate "C" not null, body text collate "C" not null, time timestamptz not null, tx bigint not null, outcome json,
  primary key (consumer, id));

-- How far each consumer has come in each partition, and who owns it: only the holder of the newest fence may move it.
create table :schema.lowtide_consumers (
  consumer text collate "C" not null, channel text collate "C" not null, partition smallint not null,
  tx bigint not null default 0, n int not null default 0, fence bigint not null default 0, owner text collate "C",
  primary key (consumer, channel, partition)) with (fillfactor = 50);

-- Processes that live, until when (by this server's clock), and which consumers they run. With the session on which one listens it is gone at
-- once, and not only when its lease is over.
create table :schema.lowtide_instances (id text collate "C" primary key, until timestamptz not null, consumers text[] not null, session int) with (fillfactor = 50);

-- What could not be handled, and what waits behind it, in the order of 'seq'.
create table :schema.lowtide_parked (
  seq bigint generated always as identity, id text collate "C" primary key, consumer text collate "C" not null, channel text collate "C" not null,
  partition text collate "C" not null, key text collate "C" not null, state text collate "C" not null, reason text not null, attempts int not null, time timestamptz not null,
  message json, raw text);
create index lowtide_parked_key on :schema.lowtide_parked (consumer, channel, md5(key), seq);
create index lowtide_parked_state on :schema.lowtide_parked (state, seq);

-- Ends a transaction whose writes did not find what its checks had found: somebody wrote past Lowtide's locks.
create function :schema.lowtide_must(ok boolean, what text) returns void language plpgsql as $must$
begin if not ok then raise exception 'lowtide: % changed under its lock', what using errcode = 'LT001'; end if; end $must$;
` }, {
  number: 2, name: 'which channels an instance reads', sql: `
-- Beside each of 'consumers' a channel that this instance reads as it; a consumer stands there once a channel. Null, as the version before
-- leaves it: all channels of its consumers.
alter table :schema.lowtide_instances add column channels text[];
` }, {
  number: 3, name: 'the outbox', sql: `
-- What leaves the database, until it was published: the columns of Debezium's outbox event router first (https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html),
-- then the place in the log, and the rest of the envelope. A relay reads below the oldest running transaction, in this order, and removes what it published.
create table :schema.lowtide_outbox (
  id text collate "C" not null, aggregatetype text collate "C" not null, aggregateid text collate "C" not null, type text collate "C" not null, payload json not null,
  partition smallint not null, tx bigint not null, n int not null,
  time text collate "C" not null, source text collate "C" not null, dataschema text collate "C" not null, correlationid text collate "C" not null,
  causationid text collate "C", traceparent text collate "C", tenant text collate "C", actor text collate "C",
  primary key (aggregatetype, partition, tx, n));
` }, {
  number: 4, name: 'retention', sql: `
-- When which transactions ran, by this server's clock, a row now and then: whatever has a lower transaction id than a row is at least as old as
-- the row. Not the time that a message carries: a clock of another machine wrote that, and what was redriven carries an old one.
create table :schema.lowtide_ages (time timestamptz primary key, tx bigint not null);

-- Who removes what is old (kind 'runner'), until when it holds that, when the last run began and why it failed; and of each kind how many rows the last run removed, and all of them.
create table :schema.lowtide_retention (
  kind text collate "C" primary key, holder text collate "C", until timestamptz, time timestamptz, failure text, removed bigint not null default 0, total bigint not null default 0) with (fillfactor = 50);
insert into :schema.lowtide_retention (kind) values ('runner'), ('outcomes'), ('marks'), ('outbox'), ('events'), ('failed');

-- The oldest first. Both leave rows out, so that no plan of a commit, which does not know the consumer beforehand, can take them for the primary key.
create index lowtide_inbox_outcomes on :schema.lowtide_inbox (tx) where consumer = '';
create index lowtide_inbox_marks on :schema.lowtide_inbox (consumer, tx) where consumer <> '';
` }, {
  number: 5, name: 'starts of the server, and what stood at the checkpoints of a replica', sql: `
-- Each start of a server under which somebody has written here, in the order of transactions: all that an earlier start has written has a lower id. A database that is put
-- back from a copy lacks the starts since, and its next one begins before what it has lost. Rows stay for good: they are few.
create table :schema.lowtide_starts (tx bigint primary key, server text collate "C" not null);

-- Of a consumer that reads the log of another service: its place with a print of the message there, and the newest start that was noted when it was read.
alter table :schema.lowtide_consumers add column print text collate "C", add column start text collate "C";
` }, {
  number: 6, name: 'whose log a replica has read', sql: `
-- Of each consumer that reads the log of another service: which log its checkpoints stand in. A table of its own, since the role of the app writes it, and must not write what
-- stands in lowtide_meta. The notes of older versions stay there, for their processes that still run.
create table :schema.lowtide_sources (consumer text collate "C" primary key, identity text collate "C" not null);
insert into :schema.lowtide_sources (consumer, identity) select substr(key, length('source of ') + 1), value from :schema.lowtide_meta where key like 'source of %';
` }, {
  number: 7, name: 'up to where events were removed', sql: `
-- The highest place that retention has removed from each partition, since this number: who has not come so far has missed something. Rows stay for good.
create table :schema.lowtide_removed (channel text collate "C", partition smallint, tx bigint not null, n int not null, primary key (channel, partition));
` }]
/** The newest that this version knows. */
export const newest = Math.max(...system.map(({ number }) => number))
