-- What a person wants of an agent, drain or quarantine, and why; null: nothing.
alter table agent add column wish text;
alter table agent add column wish_reason text not null default '';
-- when a controller heard of it last, to some seconds
alter table agent add column seen_at bigint not null default 0;
