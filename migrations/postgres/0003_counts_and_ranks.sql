-- How many trials of a sweep ended how, so that nobody counts a hundred thousand of them to answer a claim. Trials that have
-- not ended are few, and counted when asked for. Ends have their sweep's row to themselves, so the counts are no new queue.

create table sweep_count (
    sweep_id text not null references sweep (id),
    -- finished, stopped_early, failed or cancelled
    state    text not null,
    count    bigint not null,
    primary key (sweep_id, state)
);

insert into sweep_count (sweep_id, state, count)
select sweep_id, state, count(*) from trial
where state in ('finished', 'stopped_early', 'failed', 'cancelled') group by sweep_id, state;

create function count_trial_end() returns trigger language plpgsql as $$
begin
    if new.state in ('finished', 'stopped_early', 'failed', 'cancelled') then
        insert into sweep_count (sweep_id, state, count) values (new.sweep_id, new.state, 1)
        on conflict (sweep_id, state) do update set count = sweep_count.count + 1;
    end if;
    if old.state in ('finished', 'stopped_early', 'failed', 'cancelled') then
        update sweep_count set count = count - 1 where sweep_id = old.sweep_id and state = old.state;
    end if;
    return null;
end
$$;

create trigger trial_ended after update of state on trial
for each row when (old.state is distinct from new.state) execute function count_trial_end();

-- The best trials of a sweep in the order they are shown, whichever way is better: many may be equal (a hundred thousand with an
-- accuracy of 1), and then only the number tells them apart.
drop index trial_by_objective;
create index trial_lowest on trial (sweep_id, objective, number) where objective is not null;
create index trial_highest on trial (sweep_id, objective desc, number) where objective is not null;
