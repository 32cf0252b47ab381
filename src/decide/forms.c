/*
 * forms.c
 *	  The forms of a step: for each kind how it is vetted, said and undone.
 */
#include "postgres.h"

#include "decide/checklist.h"
#include "decide/columns.h"
#include "decide/constant.h"
#include "decide/convert.h"
#include "decide/forms.h"
#include "decide/labels.h"
#include "decide/mapsteps.h"
#include "decide/newtable.h"
#include "decide/numbering.h"
#include "decide/partition.h"

/* All kinds of mapping are alike. */
#define MAPS(what) { \
	.about = (what), .check = mapsteps_check, .statements = mapsteps_words, .undo = mapsteps_undo \
}

static const StepForm forms[PLAN_STEP_KINDS] = {
	[STEP_ADD_COLUMN] = {
		.about = ABOUT_NEW_COLUMN,.lock = "ACCESS EXCLUSIVE",
		.check = columns_check_add,.clause = columns_add,.undo = columns_undo_add
	},
	[STEP_WIDEN_TYPE] = {
		.about = ABOUT_COLUMN,.lock = "ACCESS EXCLUSIVE",
		.check = columns_check_widen,.clause = columns_widen,.undo = columns_undo_widen
	},
	[STEP_DROP_NOT_NULL] = {
		.about = ABOUT_COLUMN,.lock = "ACCESS EXCLUSIVE",
		.check = columns_check_drop_not_null,.clause = columns_drop_not_null,
		.undo = columns_undo_drop_not_null
	},
	[STEP_ADD_ENUM_LABEL] = {
		.about = ABOUT_COLUMN,
		.check = labels_check,.statements = labels_statements,.undo = labels_undo
	},
	[STEP_SET_DEFAULT] = {
		.about = ABOUT_COLUMN,.lock = "ACCESS EXCLUSIVE",
		.check = constant_check,.clause = constant_clause,.undo = constant_undo
	},
	[STEP_SET_GENERATED_BY_DEFAULT] = {
		.about = ABOUT_COLUMN,.lock = "ACCESS EXCLUSIVE",
		.check = numbering_check_by_default,.clause = numbering_by_default,
		.undo = numbering_undo_by_default
	},
	[STEP_CONVERT_TYPE] = {
		.about = ABOUT_COLUMN,.approval_only = true,.lock = "ACCESS EXCLUSIVE",
		.check = convert_check,.clause = columns_widen,.undo = convert_undo
	},
	[STEP_EXTEND_CHECK_LIST] = {
		.about = ABOUT_COLUMN,.approval_only = true,.lock = "ACCESS EXCLUSIVE",
		.check = checklist_check,.clause = checklist_clause,
		.statements = checklist_statements,.undo = checklist_undo
	},
	[STEP_ATTACH_PARTITION] = {
		.about = ABOUT_TABLE,.lock = "SHARE UPDATE EXCLUSIVE",
		.check = partition_check,.statements = partition_statements,.undo = partition_undo
	},
	[STEP_EXTEND_SEQUENCE] = {
		.about = ABOUT_COLUMN,
		.check = numbering_check_extend,.statements = numbering_extend_statements,
		.undo = numbering_undo_extend
	},
	[STEP_CREATE_TABLE] = {.about = ABOUT_TABLE,.approval_only = true,.check = newtable_check},
	[STEP_MAP_FIELD] = MAPS(ABOUT_KEY),
	[STEP_IGNORE_FIELD] = MAPS(ABOUT_KEY),
	[STEP_STRIP_NUL] = MAPS(ABOUT_KEY),
	[STEP_TRIM] = MAPS(ABOUT_KEY),
	[STEP_NULL_IF] = MAPS(ABOUT_KEY),
	[STEP_MAP_VALUE] = MAPS(ABOUT_KEY),
	[STEP_PARSE_TIMESTAMP] = MAPS(ABOUT_KEY),
	[STEP_PARSE_NUMBER] = MAPS(ABOUT_KEY),
	[STEP_PARSE_POINT] = MAPS(ABOUT_KEY),
	[STEP_DECODE_TEXT] = MAPS(ABOUT_TABLE),
	[STEP_OVERFLOW_TO_JSONB] = MAPS(ABOUT_TABLE),
};

const StepForm *
form_of(StepKind kind)
{
	return &forms[kind];
}
