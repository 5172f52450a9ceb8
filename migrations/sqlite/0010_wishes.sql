-- Why a person wants a trial stopped, until it is; empty: nobody does.
alter table trial add column stop_reason text not null default '';
