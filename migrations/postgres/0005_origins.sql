-- Where a trial comes from, as JSON: why it was proposed, and what the method was shown. Null: of an earlier version.
alter table trial add column origin text;
