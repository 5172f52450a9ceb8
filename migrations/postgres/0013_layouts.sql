-- How people laid out the pages of a project: which columns, sorted how.
create table layout (
    project text primary key,
    -- JSON object, the page's own
    value   text not null
);

-- whether a project is one
create index sweep_by_project on sweep (project);
