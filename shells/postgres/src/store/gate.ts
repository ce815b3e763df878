/**
 * A unit is one flight: lock, check, write. A check that finds something answers with it and shuts the gate; the writes behind it then find the gate
 * shut and write nothing. So an ordinary conflict is an answer and no error: nothing stands in the server's log, and it costs no further round trip.
 */
export const shut = `set_config('lowtide.gate', 'shut', true)`
export const open = `coalesce(current_setting('lowtide.gate', true), '') <> 'shut'`
/** The id of this transaction as the log counts. `shift` is added where the rows came from a server that had counted further. */
export const txOf = (shift: number): string => shift === 0 ? '(select pg_current_xact_id()::text::bigint)' : `(select pg_current_xact_id()::text::bigint + ${shift}::bigint)`
/** Below it no transaction is running any more: what is there is all that will ever be there. */
export const watermarkOf = (shift: number): string => shift === 0 ? 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint' : `(pg_snapshot_xmin(pg_current_snapshot())::text::bigint + ${shift}::bigint)`
