-- Messages as they are told where values are masked: nothing of a value is left,
-- whatever quotes it is in, or has within.
CREATE SCHEMA phrases;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
RESET client_min_messages;
SET search_path = phrases;
CREATE TABLE patient (id int PRIMARY KEY, result varchar(8), note text);
CREATE VIEW said AS SELECT n, message, selfheal.shared_message('patient', message, 'masked') AS masked,
	selfheal.shared_message('patient', message, 'none') AS none FROM (VALUES
	-- quotes and apostrophes within a value
	(1, 'invalid input syntax for type integer: "positive"'),
	(2, 'invalid input syntax for type integer: "the "positive" one"'),
	(3, 'COPY patient, line 2, column note: "he said "positive" to me"'),
	(4, 'value "6" positive" is out of range for type integer'),
	(5, 'invalid input syntax for type integer: "it''s positive"'),
	(6, 'invalid input syntax for type integer: "l''heure positive'),
	-- single quotes, and apostrophes that are none
	(7, 'result ''positive'' is not allowed'),
	(8, 'result ''not ''positive'' now'' is not allowed'),
	(9, 'the table''s rows'' owner''s key is not allowed'),
	(10, 'it''s not allowed: l''index de l''heure d''essai'),
	(11, 'the row of "patient"''s owner is missing'),
	(12, 'result `positive` is not allowed'),
	(31, 'l''positive, O''Positive and it''s the owner''s'),
	-- marks of other languages
	(13, 'falscher Wert für Spalte »result«: »not positive yet«'),
	(14, 'valeur fausse pour la colonne « result » : « not positive yet »'),
	(15, U&'valeur fausse pour la colonne \00AB\00A0result\00A0\00BB : \00AB\00A0not \00AB positive \00BB yet\00A0\00BB'),
	(16, U&'fel v\00E4rde \201Dnot positive yet\201D'),
	(17, U&'zły typ \201Enot positive yet\201D, \201Eid\201D'),
	(18, U&'wrong: \201Cnot positive yet\201D and \2018not positive\2019'),
	(19, U&'\5217\300Cresult\300D\306E\5024\300Cnot positive yet\300D'),
	-- rows in brackets
	(20, 'Failing row contains (1, positive, it''s not (yet) positive).'),
	(21, 'Fehlerhafte Zeile enthält (1, positive, null).'),
	(22, 'La ligne en erreur contient (1, positive, null).'),
	(23, 'Key (id, result)=(1, positive) already exists.'),
	(24, 'Schlüssel »(id, result)=(1, positive)« existiert.'),
	-- documents
	(25, 'JSON data, line 1: {"id": 1, "result": positive, note'),
	(26, 'JSON data, line 1: [positive, null'),
	(27, E'line 1: wrong tag: a line 1 and b\n<a>not positive</b>'),
	-- what is no value stays
	(28, 'null value in column "id" of relation "patient" violates not-null constraint'),
	(29, 'value too long for type character varying(8)'),
	(30, '12 held rows of "patient" (note) do not fit')) v (n, message);
SELECT n, masked, none FROM said ORDER BY n;
SELECT n FROM said WHERE (masked || none) ~* 'positive|yet|heure' ORDER BY n;
DROP SCHEMA phrases CASCADE;
