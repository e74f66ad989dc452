/* cmd_help.c - help and man page, both printed from the rows of commands and options. */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/version.h"
#include "serve/routes.h"

static const char *const summary = "routes support cases to the team that can solve them";

static void spelled(const struct option_row *row, char *out, size_t size)
{
    char letter[8] = "";
    if (row->letter != 0) snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(out, size, "%s--%s%s%s", letter, row->name, row->argument[0] != '\0' ? " " : "",
             row->argument);
}

/* What an option does, its default and its bounds. */
static void explained(const struct option_row *row, char *out, size_t size)
{
    bool number = row->type == OPTION_COUNT || row->type == OPTION_REAL;
    char standard[128] = "", range[64] = "";
    if (row->standard[0] != '\0') snprintf(standard, sizeof standard, "default %s", row->standard);
    if (number) snprintf(range, sizeof range, "%.16g to %.16g", row->low, row->high);
    const char *between = standard[0] != '\0' && number ? "; " : "";
    if (standard[0] == '\0' && !number)
        snprintf(out, size, "%s", row->help);
    else
        snprintf(out, size, "%s (%s%s%s)", row->help, standard, between, range);
}

/* Words of text, broken before column 88, every line after `indent` blanks. */
static void print_wrapped(const char *text, int indent)
{
    int column = indent;
    printf("%*s", indent, "");
    for (const char *word = text; *word != '\0';) {
        int size = (int)strcspn(word, " ");
        if (column > indent && column + 1 + size > 88) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", size, word);
        column += size;
        word += size;
        while (*word == ' ') word++;
    }
}

static void print_options(enum command command)
{
    printf("\nOptions:\n");
    for (size_t i = 0; i < options_row_count; i++) {
        const struct option_row *row = &options_rows[i];
        if ((row->commands & 1u << command) == 0) continue;
        char name[96], text[512];
        spelled(row, name, sizeof name);
        explained(row, text, sizeof text);
        printf("  %s\n", name);
        print_wrapped(text, 6);
        printf("\n");
    }
}

/* Troff takes a line that begins with a dot or a quote for a request, and '-' for a hyphen. */
static void print_troff(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '-' || *c == '\\') putchar('\\');
        if ((*c == '\'' || *c == '.') && c == text) printf("\\&");
        putchar(*c);
    }
}

/* Of the service; in troff a line each as well. */
static void print_routes(bool troff)
{
    printf(troff ? ".PP\nRoutes:\n" : "\nRoutes:\n");
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes_table[i];
        if (troff) {
            printf(".TP\n.B %s %s\n", route->method, route->path);
            print_troff(route->summary);
            printf("\n");
        } else {
            printf("  %s %s\n", route->method, route->path);
            print_wrapped(route->summary, 6);
            printf("\n");
        }
    }
}

static void print_overview(void)
{
    printf(
        "air-classifier %s - %s\n\nUsage: air-classifier COMMAND [OPTIONS] OPERANDS\n\nCommands:\n",
        version_text, summary);
    for (enum command c = 0; c < COMMANDS; c++)
        printf("  %-10s %s\n", options_commands[c].name, options_commands[c].summary);
    printf("\n'air-classifier help COMMAND' explains one. FILE '-' is standard input. Options may "
           "stand\nbefore or after operands, as --name VALUE or --name=VALUE; '--' ends them.\n");
}

static void print_command(enum command command)
{
    const struct command_row *row = &options_commands[command];
    printf("air-classifier %s - %s\n\nUsage: air-classifier %s [OPTIONS] %s\n\n", row->name,
           row->summary, row->name, row->operands);
    print_wrapped(row->description, 0);
    printf("\n");
    if (command == COMMAND_SERVE) print_routes(false);
    print_options(command);
}

/* The options of a command, or, for COMMANDS, those that all share. */
static void print_man_options(enum command command)
{
    const uint32_t all = (1u << COMMANDS) - 1;
    for (size_t i = 0; i < options_row_count; i++) {
        const struct option_row *row = &options_rows[i];
        bool shared = row->commands == all;
        if (command == COMMANDS ? !shared : shared || (row->commands & 1u << command) == 0)
            continue;
        char name[96], text[512];
        spelled(row, name, sizeof name);
        explained(row, text, sizeof text);
        printf(".TP\n.B \"");
        print_troff(name);
        printf("\"\n");
        print_troff(text);
        printf("\n");
    }
}

static void print_man(void)
{
    printf(".TH AIR-CLASSIFIER 1 \"\" \"air-classifier %s\" \"User Commands\"\n", version_text);
    printf(".SH NAME\nair\\-classifier \\- %s\n", summary);
    printf(".SH SYNOPSIS\n.B air\\-classifier\n.I COMMAND\n[OPTIONS] OPERANDS\n.SH COMMANDS\n");
    for (enum command c = 0; c < COMMANDS; c++) {
        const struct command_row *row = &options_commands[c];
        printf(".SS \"%s ", row->name);
        print_troff(row->operands);
        printf("\"\n");
        print_troff(row->description);
        printf("\n");
        if (c == COMMAND_SERVE) print_routes(true);
        print_man_options(c);
    }
    printf(".SS \"Every command\"\n");
    print_man_options(COMMANDS);
    printf(".SH EXIT STATUS\n.TP\n.B 0\nEverything asked for was done.\n");
    for (enum error_code code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        const struct error_row *row = error_row(code);
        printf(".TP\n.B %d\n", row->exit_status);
        print_troff(row->title);
        printf(" (HTTP %d, ", row->http_status);
        print_troff(row->type);
        printf("): ");
        print_troff(row->hint);
        printf(".\n");
    }
}

int cmd_help(const struct options *options)
{
    if (options->man) {
        print_man();
        return 0;
    }
    if (options->command != COMMAND_HELP) {
        print_command(options->command);
        return 0;
    }
    if (options->operands == 0) {
        print_overview();
        return 0;
    }
    for (enum command c = 0; c < COMMANDS; c++) {
        if (strcmp(options->operand[0], options_commands[c].name) != 0) continue;
        print_command(c);
        return 0;
    }
    struct error err;
    error_set(&err, ERR_USAGE, 0, "no command '%s'; see 'air-classifier help'",
              options->operand[0]);
    return cmd_failed(&err);
}
