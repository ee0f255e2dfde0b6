#include "store/iso8601.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SECOND 1000000LL
#define DAY (86400 * SECOND)
#define YEAR_1 (-62135596800LL * SECOND)
#define YEAR_10000 (253402300800LL * SECOND)

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. The year is taken to begin
 * in March, so that the leap day comes last; an era is 400 years of 146,097 days. */
static int64_t days_from_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

/* As many digits, with zeros before them. Returns their end. */
static char *write_digits(char *at, int count, int number)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + count;
}

static char *write_field(char *at, int count, int number, char separator)
{
    at = write_digits(at, count, number);
    *at++ = separator;
    return at;
}

/* Digit by digit: every entry of the event stream has one. */
void iso8601_format_instant(struct instant at, int decimals, char out[ISO8601_SIZE])
{
    int64_t us = at.us;
    if (us < YEAR_1) {
        us = YEAR_1;
    } else if (us >= YEAR_10000) {
        us = YEAR_10000 - 1;
    }
    int64_t days = us / DAY - (us % DAY < 0);
    int64_t of_day = us - days * DAY;
    int year, month, day;
    date_from_days(days, &year, &month, &day);
    int seconds = (int)(of_day / SECOND);
    char *end = write_field(out, 4, year, '-');
    end = write_field(end, 2, month, '-');
    end = write_field(end, 2, day, 'T');
    end = write_field(end, 2, seconds / 3600, ':');
    end = write_field(end, 2, seconds / 60 % 60, ':');
    end = write_digits(end, 2, seconds % 60);
    if (decimals > 0) {
        *end++ = '.';
        write_field(end, 6, (int)(of_day % SECOND), '0');
        end += decimals > 7 ? 7 : decimals;
    }
    strcpy(end, "Z");
}

void iso8601_format_duration(struct duration span, char out[ISO8601_SIZE])
{
    uint64_t us = span.us < 0 ? 0 - (uint64_t)span.us : (uint64_t)span.us;
    unsigned long long days = us / DAY, hours = us / (3600 * SECOND) % 24,
                       minutes = us / (60 * SECOND) % 60, seconds = us / SECOND % 60,
                       fraction = us % SECOND;
    size_t at = (size_t)snprintf(out, ISO8601_SIZE, "%sP", span.us < 0 ? "-" : "");
#define APPEND(...) at += (size_t)snprintf(out + at, ISO8601_SIZE - at, __VA_ARGS__)
    if (days) {
        APPEND("%lluD", days);
    }
    if (us % DAY != 0 || us == 0) {
        APPEND("T");
    }
    if (hours) {
        APPEND("%lluH", hours);
    }
    if (minutes) {
        APPEND("%lluM", minutes);
    }
    if (fraction) {
        char digits[8];
        snprintf(digits, sizeof digits, "%06llu", fraction);
        for (size_t last = 5; digits[last] == '0'; last--) {
            digits[last] = '\0';
        }
        APPEND("%llu.%sS", seconds, digits);
    } else if (seconds || us == 0) {
        APPEND("%lluS", seconds);
    }
#undef APPEND
}

/* Reads exactly `digits` digits. */
static bool read_digits(const char **text, int digits, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)**text)) {
            return false;
        }
        *value = *value * 10 + (*(*text)++ - '0');
    }
    return true;
}

static bool read_char(const char **text, char wanted)
{
    if (toupper((unsigned char)**text) != wanted) {
        return false;
    }
    (*text)++;
    return true;
}

/* ".5" as microseconds; digits beyond the sixth are dropped. */
static bool read_fraction(const char **text, int64_t *us)
{
    *us = 0;
    if (**text != '.' && **text != ',') {
        return true;
    }
    (*text)++;
    if (!isdigit((unsigned char)**text)) {
        return false;
    }
    for (int64_t unit = 100000; isdigit((unsigned char)**text); unit /= 10) {
        *us += (*(*text)++ - '0') * unit;
    }
    return true;
}

static bool read_offset(const char **text, int64_t *us)
{
    *us = 0;
    if (read_char(text, 'Z')) {
        return true;
    }
    int sign = **text == '-' ? -1 : 1, hours, minutes;
    if (**text != '+' && **text != '-') {
        return false;
    }
    (*text)++;
    if (!read_digits(text, 2, &hours) || !read_char(text, ':') || !read_digits(text, 2, &minutes) ||
        hours > 23 || minutes > 59) {
        return false;
    }
    *us = sign * (hours * 3600 + minutes * 60) * SECOND;
    return true;
}

bool iso8601_parse_instant(const char *text, struct instant *at)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour, minute, second;
    int64_t fraction, offset;
    if (!read_digits(&text, 4, &year) || !read_char(&text, '-') || !read_digits(&text, 2, &month) ||
        !read_char(&text, '-') || !read_digits(&text, 2, &day) || !read_char(&text, 'T') ||
        !read_digits(&text, 2, &hour) || !read_char(&text, ':') ||
        !read_digits(&text, 2, &minute) || !read_char(&text, ':') ||
        !read_digits(&text, 2, &second) || !read_fraction(&text, &fraction) ||
        !read_offset(&text, &offset) || *text != '\0') {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days[month - 1] ||
        (month == 2 && day == 29 && !leap) || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    int64_t seconds = hour * 3600 + minute * 60 + second;
    at->us = days_from_date(year, month, day) * DAY + seconds * SECOND + fraction - offset;
    return true;
}

bool iso8601_parse_duration(const char *text, struct duration *span)
{
    static const struct {
        char letter;
        bool of_time;
        int64_t us;
    } units[] = {{'D', false, DAY}, {'H', true, 3600 * SECOND}, {'M', true, 60 * SECOND},
        {'S', true, SECOND}};
    size_t next_unit = 0;
    bool in_time = false, any = false;
    span->us = 0;
    if (!read_char(&text, 'P')) {
        return false;
    }
    while (*text != '\0') {
        if (!in_time && read_char(&text, 'T')) {
            in_time = true;
            any = false;
        }
        int64_t count = 0, fraction;
        const char *digits = text;
        while (isdigit((unsigned char)*text)) {
            if (text - digits >= 10) {
                return false;
            }
            count = count * 10 + (*text++ - '0');
        }
        bool has_fraction = *text == '.' || *text == ',';
        if (text == digits || !read_fraction(&text, &fraction)) {
            return false;
        }
        char letter = (char)toupper((unsigned char)*text++);
        while (next_unit < 4 &&
               (units[next_unit].letter != letter || units[next_unit].of_time != in_time)) {
            next_unit++;
        }
        if (next_unit == 4 || (has_fraction && letter != 'S')) {
            return false;
        }
        int64_t us;
        if (__builtin_mul_overflow(count, units[next_unit].us, &us) ||
            __builtin_add_overflow(span->us, us, &span->us) ||
            __builtin_add_overflow(span->us, fraction, &span->us)) {
            return false;
        }
        next_unit++;
        any = true;
    }
    return any;
}
