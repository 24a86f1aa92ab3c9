using System.Text.Json.Serialization;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Sqlite;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;

namespace AiChat.Endpoints.Accounts;

/// <summary>Accounts as administrators see and change them.</summary>
internal static class UserEndpoints
{
    private const int MaxReason = 500;
    private const int DefaultPage = 50;
    private const int MaxPage = 100;

    public static void MapUsers(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/users").Allow(Access.Admin);
        group.MapGet("", List);
        group.MapPost("", Create);
        group.MapGet("/{id:long}", Get);
        group.MapPost("/{id:long}/approve", Approve);
        group.MapPost("/{id:long}/reject", Reject);
        group.MapPut("/{id:long}/role", SetRole);
        group.MapPut("/{id:long}/status", SetStatus);
        group.MapPut("/{id:long}/quota", SetQuota);
        group.MapPost("/{id:long}/reset-password", ResetPassword);
        group.MapDelete("/{id:long}", Delete);
    }

    private static async Task<IResult> List(UserAdmin users, string? q, string? status, string? cursor, int limit = DefaultPage)
    {
        if (Cursor.Parse(cursor, long.MaxValue) is not { } before)
        {
            return Cursor.Invalid();
        }

        if (limit is < 1 or > MaxPage)
        {
            return Problems.Invalid("limit", $"is from 1 to {MaxPage}");
        }

        if (status is not (null or "PENDING" or "ACTIVE" or "DISABLED"))
        {
            return Problems.Invalid("status", "is PENDING, ACTIVE or DISABLED");
        }

        if (q is { Length: > SearchTerms.MaxLength })
        {
            return Problems.Invalid("q", $"At most {SearchTerms.MaxLength} characters.");
        }

        var rows = await users.List(string.IsNullOrWhiteSpace(q) ? null : q.Trim(), status, before, limit + 1);
        var next = rows.Count > limit ? Cursor.From(rows[limit - 1].Id) : null;
        return TypedResults.Json(new UserPage([.. rows.Take(limit).Select(ManagedUserResponse.From)], next), AccountsJson.Wire.UserPage);
    }

    private static async Task<IResult> Get(long id, Users users, Usage usage, TimeProvider clock)
    {
        if (await users.Find(id) is not { } row)
        {
            return Problems.NotFound();
        }

        var now = clock.GetUtcNow();
        var used = UsedResponse.From(await usage.Spent(id, now), now);
        return TypedResults.Json(ManagedUserResponse.From(row) with { Used = used }, AccountsJson.Wire.ManagedUserResponse);
    }

    private static async Task<IResult> Create(
        CreateUserRequest body, CurrentUser me, UserAdmin admin, Users users, SetupCode setup, TimeProvider clock)
    {
        if (UserNames.Broken(body.Username) is { } rule)
        {
            return Problems.Invalid("username", rule);
        }

        if (!IsRole(body.Role))
        {
            return Problems.Invalid("role", "is ADMIN or USER");
        }

        var now = clock.GetUtcNow();
        var code = OneTimeCode.Create();
        var (outcome, id) = await admin.Create(me.Caller, body.Username, body.Role, Credentials.Hash(code), now + OneTimeCode.Life, now);
        if (outcome != UserChange.Done)
        {
            return Refusal(outcome);
        }

        if (setup.SetupRequired)
        {
            setup.Consume(); // the operator has made the first account
        }

        return id is null
            ? Problems.Conflict("username_taken", "This user name is taken.")
            : TypedResults.Json(
                new CreatedUserResponse(UserResponse.From((await users.Find(id.Value))!), code), AccountsJson.Wire.CreatedUserResponse,
                statusCode: 201);
    }

    private static async Task<IResult> Approve(long id, CurrentUser me, UserAdmin admin, Users users, TimeProvider clock) =>
        await Answer(id, await admin.Approve(me.Caller, id, clock.GetUtcNow()), users);

    private static async Task<IResult> Reject(
        long id, ReasonRequest? body, CurrentUser me, UserAdmin admin, Users users, TimeProvider clock) =>
        body?.Reason is { Length: > MaxReason }
            ? TooLong()
            : await Answer(id, await admin.Reject(me.Caller, id, body?.Reason, clock.GetUtcNow()), users);

    private static async Task<IResult> SetRole(
        long id, RoleRequest body, CurrentUser me, UserAdmin admin, Users users, LiveCalls calls, TimeProvider clock)
    {
        if (!IsRole(body.Role))
        {
            return Problems.Invalid("role", "is ADMIN or USER");
        }

        var outcome = await admin.SetRole(me.Caller, id, body.Role, clock.GetUtcNow());
        if (outcome == UserChange.Done && body.Role != "ADMIN")
        {
            calls.Demoted(id);
        }

        return await Answer(id, outcome, users);
    }

    private static async Task<IResult> SetStatus(
        long id, StatusRequest body, CurrentUser me, UserAdmin admin, Users users, RunRegistry registry, LiveCalls calls,
        TimeProvider clock)
    {
        if (body.Status is not ("ACTIVE" or "DISABLED"))
        {
            return Problems.Invalid("status", "is ACTIVE or DISABLED");
        }

        if (body.Reason is { Length: > MaxReason })
        {
            return TooLong();
        }

        var outcome = await admin.SetStatus(me.Caller, id, body.Status, body.Reason, clock.GetUtcNow());
        if (outcome == UserChange.Done && body.Status == "DISABLED")
        {
            await Silence(id, registry, calls);
        }

        return await Answer(id, outcome, users);
    }

    private static async Task<IResult> SetQuota(
        long id, QuotaRequest body, CurrentUser me, UserAdmin admin, Users users, TimeProvider clock) =>
        body.Validate() is { Count: > 0 } errors
            ? Problems.Invalid(errors)
            : await Answer(id, await admin.SetQuota(me.Caller, id, body.Limits(), clock.GetUtcNow()), users);

    private static async Task<IResult> ResetPassword(long id, CurrentUser me, UserAdmin admin, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        var code = OneTimeCode.Create();
        var outcome = await admin.ResetPassword(me.Caller, id, Credentials.Hash(code), now + OneTimeCode.Life, now);
        return outcome == UserChange.Done
            ? TypedResults.Json(new OneTimeCodeResponse(code), AccountsJson.Wire.OneTimeCodeResponse)
            : Refusal(outcome);
    }

    private static async Task<IResult> Delete(
        long id, CurrentUser me, UserAdmin admin, RunRegistry registry, LiveCalls calls, TimeProvider clock)
    {
        var outcome = await admin.Delete(me.Caller, id, clock.GetUtcNow());
        if (outcome != UserChange.Done)
        {
            return Refusal(outcome);
        }

        await Silence(id, registry, calls);
        return TypedResults.NoContent();
    }

    /// <summary>Stops all provider calls of this account; running answers keep the text they have.</summary>
    private static async Task Silence(long id, RunRegistry registry, LiveCalls calls)
    {
        var stopping = registry.StopUser(id);
        calls.CutUser(id); // calls outside of runs, such as titles
        await stopping;
    }

    private static async Task<IResult> Answer(long id, UserChange outcome, Users users)
    {
        if (outcome != UserChange.Done)
        {
            return Refusal(outcome);
        }

        return await users.Find(id) is { } row
            ? TypedResults.Json(ManagedUserResponse.From(row), AccountsJson.Wire.ManagedUserResponse)
            : Problems.NotFound();
    }

    private static Problem Refusal(UserChange outcome) => outcome switch
    {
        UserChange.NotFound => Problems.NotFound(),
        UserChange.LastAdmin => Problems.Conflict("last_admin", "There must be one active administrator."),
        UserChange.Forbidden => Problems.Forbidden(),
        UserChange.WrongState => Problems.Conflict("wrong_state", "This account does not wait for approval."),
        UserChange.Done => throw new InvalidOperationException("Not a refusal."),
    };

    private static Problem TooLong() => Problems.Invalid("reason", $"has at most {MaxReason} characters");

    private static bool IsRole(string role) => role is "ADMIN" or "USER";
}

internal sealed record CreateUserRequest(string Username, string Role = "USER");

internal sealed record ReasonRequest(string? Reason = null);

internal sealed record RoleRequest(string Role);

internal sealed record StatusRequest(string Status, string? Reason = null);

/// <summary>Null is the server's default. An absent budget keeps its value, -1 is none. Money is in the installation's currency.</summary>
internal sealed record QuotaRequest(
    long? DailyLimit,
    bool Unlimited = false,
    bool ResetUsed = false,
    Optional<long?> DailyTokenBudget = default,
    Optional<long?> MonthlyTokenBudget = default,
    Optional<decimal?> DailyMoneyBudget = default,
    Optional<decimal?> MonthlyMoneyBudget = default)
{
    private const long MaxPerDay = 1_000_000;
    private const long MaxTokens = 1_000_000_000_000;
    private const decimal MaxMoney = 1_000_000;

    public Dictionary<string, string[]> Validate()
    {
        var errors = new Dictionary<string, string[]>();
        if (DailyLimit is < 0 or > MaxPerDay)
        {
            errors["dailyLimit"] = [$"is from 0 to {MaxPerDay}, or null for the default"];
        }

        Budget(errors, "dailyTokenBudget", DailyTokenBudget.Value, MaxTokens);
        Budget(errors, "monthlyTokenBudget", MonthlyTokenBudget.Value, MaxTokens);
        Budget(errors, "dailyMoneyBudget", DailyMoneyBudget.Value, MaxMoney);
        Budget(errors, "monthlyMoneyBudget", MonthlyMoneyBudget.Value, MaxMoney);
        return errors;
    }

    public UserLimits Limits() => new(DailyLimit, Unlimited, ResetUsed)
    {
        SetsDailyTokens = DailyTokenBudget.IsSet,
        DailyTokens = DailyTokenBudget.Value,
        SetsMonthlyTokens = MonthlyTokenBudget.IsSet,
        MonthlyTokens = MonthlyTokenBudget.Value,
        SetsDailyNanos = DailyMoneyBudget.IsSet,
        DailyNanos = Nanos(DailyMoneyBudget.Value),
        SetsMonthlyNanos = MonthlyMoneyBudget.IsSet,
        MonthlyNanos = Nanos(MonthlyMoneyBudget.Value),
    };

    private static long? Nanos(decimal? amount) => amount == -1 ? -1 : QuotaPolicy.Nanos(amount);

    private static void Budget(Dictionary<string, string[]> errors, string field, decimal? value, decimal max)
    {
        if (value is { } amount && amount != -1 && (amount < 0 || amount > max))
        {
            errors[field] = [$"is from 0 to {max}, -1 for none or null for the default"];
        }
    }
}

internal sealed record CreatedUserResponse(UserResponse User, string OneTimeCode);

internal sealed record OneTimeCodeResponse(string OneTimeCode);

internal sealed record UserPage(
    IReadOnlyList<ManagedUserResponse> Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

/// <summary>A user as administrators see one, with the limits.</summary>
internal sealed record ManagedUserResponse(
    long Id,
    string Username,
    string Role,
    string Status,
    string? AvatarUrl,
    DateTimeOffset CreatedAt,
    string? RejectionReason,
    bool? PasswordChangeRequired,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? DailyLimit,
    bool Unlimited,
    long? DailyTokenBudget,
    long? MonthlyTokenBudget,
    decimal? DailyMoneyBudget,
    decimal? MonthlyMoneyBudget)
{
    /// <summary>Only for a single account, not in lists.</summary>
    public UsedResponse? Used { get; init; }

    public static ManagedUserResponse From(UserRow row)
    {
        var user = UserResponse.From(row);
        return new ManagedUserResponse(
            user.Id, user.Username, user.Role, user.Status, user.AvatarUrl, user.CreatedAt, user.RejectionReason,
            user.PasswordChangeRequired, row.DailyLimit, row.Unlimited, row.DailyTokenBudget, row.MonthlyTokenBudget,
            Amount(row.DailyNanosBudget), Amount(row.MonthlyNanosBudget));
    }

    private static decimal? Amount(long? nanos) => nanos == -1 ? -1 : QuotaPolicy.Amount(nanos);
}

/// <summary>What an account has used of its limits, and when the UTC day and month end.</summary>
internal sealed record UsedResponse(
    long Messages, long DayTokens, long MonthTokens, decimal DayMoney, decimal MonthMoney,
    DateTimeOffset DayEndsAt, DateTimeOffset MonthEndsAt)
{
    public static UsedResponse From(SpentRow row, DateTimeOffset now) => new(
        row.Messages, row.DayTokens, row.MonthTokens, QuotaPolicy.Amount(row.DayNanos) ?? 0, QuotaPolicy.Amount(row.MonthNanos) ?? 0,
        UtcDay.EndOf(now), UtcDay.EndOfMonth(now));
}
