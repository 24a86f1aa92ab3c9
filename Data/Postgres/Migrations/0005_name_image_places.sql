-- Where each process keeps its images: a kind of place and its mark, empty where none is proven, null where nobody has said.
alter table nodes add column images text;
