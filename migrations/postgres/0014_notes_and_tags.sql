-- What people note on sweeps and trials: a text, and tags as a JSON list in order.
alter table sweep add column note text not null default '';
alter table sweep add column tags text not null default '[]';
alter table trial add column note text not null default '';
alter table trial add column tags text not null default '[]';
