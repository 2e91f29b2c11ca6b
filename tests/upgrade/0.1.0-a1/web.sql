PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE router ( id TEXT PRIMARY KEY CHECK (length(id) = 64), key TEXT NOT NULL CHECK (length(key) = 64), first_at INTEGER NOT NULL) STRICT;
INSERT INTO router VALUES('237497c013840f037ce69f4970ae9d4e018ff5916afc183fc8a49ebb074e254e','34c19e9444cbc5b85d5d58e8c4fec77520068662327789cc16a640ab85c5b90f',1795271148);
CREATE TABLE report ( id INTEGER PRIMARY KEY, router TEXT NOT NULL REFERENCES router(id), sequence INTEGER NOT NULL, received_at INTEGER NOT NULL, state TEXT NOT NULL, cause TEXT, counter INTEGER, body TEXT NOT NULL, UNIQUE (router, sequence)) STRICT;
INSERT INTO report VALUES(1,'237497c013840f037ce69f4970ae9d4e018ff5916afc183fc8a49ebb074e254e',1,1795271148,'refused','not-in-set',0,'{"accel":"kvm","agent":"0.1.0","arch":"amd64","at":"2026-11-21T14:25:48Z","cause":"not-in-set","channel":"edge","kernel":null,"kind":"kiln/report","metadata":null,"previous":null,"router":"237497c013840f037ce69f4970ae9d4e018ff5916afc183fc8a49ebb074e254e","sequence":1,"services":[],"set":null,"state":"refused","v":1}');
CREATE TABLE request ( id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('poll')), argument TEXT NOT NULL, by TEXT NOT NULL) STRICT;
COMMIT;
