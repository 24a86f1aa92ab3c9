using System.Text.Json.Serialization;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.Accounts;

/// <summary>The caller's own account: profile, password, logins, deletion.</summary>
internal static class AccountEndpoints
{
    public static void MapAccount(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/auth").Allow(Access.User);
        group.MapGet("/me", Me).Allow(Access.Any);
        group.MapPut("/password", ChangePassword);
        group.MapPost("/confirm", Confirm);
        group.MapPost("/logout-all", EndAll);
        group.MapGet("/logins", ListLogins);
        group.MapDelete("/logins/{id:long}", EndLogin);
        api.MapDelete("/account", DeleteAccount).Allow(Access.User);
    }

    private static async Task<IResult> Me(
        CurrentUser me, Users users, Usage usage, SystemSettings settings, TaskTraces traces, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        var (limit, used) = me.IsVisitor ? (settings.AnonymousDailyQuota, 0) : await usage.Quota(me.Id, settings.DefaultLimits(), now);
        var user = me.IsGuest ? null : await users.Find(me.Id);
        if (user is null && !me.IsGuest)
        {
            return Problems.Unauthenticated();
        }

        string[] permissions =
            ["chat", .. me.IsAdmin ? ["admin"] : Array.Empty<string>(), .. traces.Allowed(me) ? ["trace"] : Array.Empty<string>()];
        return TypedResults.Json(
            new MeResponse(user is null ? null : UserResponse.From(user), me.IsGuest, QuotaResponse.From(limit, used, now), permissions),
            AccountsJson.Wire.MeResponse);
    }

    private static async Task<IResult> ChangePassword(
        ChangePasswordRequest body, CurrentUser me, HttpContext context, Users users, PasswordHasher hasher,
        PasswordConfirmation confirmation, LoginService loginService, TimeProvider clock)
    {
        if (me.LoginId == 0)
        {
            return Problems.Forbidden("A key cannot change the password.");
        }

        if (PasswordHasher.Broken(body.NewPassword, me.Username!) is { } rule)
        {
            return Problems.Invalid("newPassword", rule);
        }

        var hash = (await users.FindCredential(me.Id))?.PasswordHash;
        if (hash is not null && await confirmation.Refuse(context, me, body.CurrentPassword ?? "", hash) is { } problem)
        {
            return problem;
        }

        if (await hasher.Hash(context, body.NewPassword) is not { } newHash)
        {
            return Problems.Overloaded();
        }

        var browser = Cookies.Access(context.Request) is not null && context.Request.Headers.Authorization.Count == 0;
        if (await users.ChangePassword(me.Caller, browser ? 0 : me.LoginId, hash, newHash, clock.GetUtcNow()) is null)
        {
            return Problems.Unauthenticated();
        }

        if (browser)
        {
            // A new login as well, so that copied tokens of the old one are void.
            await loginService.Open(context, me.Id, newHash, browser: true);
        }

        return TypedResults.NoContent();
    }

    /// <summary>For what asks for the password once more, within the next minutes.</summary>
    private static async Task<IResult> Confirm(
        ConfirmRequest body, CurrentUser me, HttpContext context, Users users, PasswordConfirmation confirmation)
    {
        if (me.LoginId == 0)
        {
            return Problems.Forbidden("A key cannot confirm a password.");
        }

        var hash = (await users.FindCredential(me.Id))?.PasswordHash;
        if (await confirmation.Refuse(context, me, body.Password, hash) is { } problem)
        {
            return problem;
        }

        confirmation.Confirmed(me.LoginId);
        return TypedResults.NoContent();
    }

    /// <summary>Deletes everything the user owns: logins, keys, chats, images and running answers.</summary>
    private static async Task<IResult> DeleteAccount(
        [FromBody] DeleteAccountRequest body, CurrentUser me, HttpContext context, Users users, UserAdmin admin,
        PasswordConfirmation confirmation, RunRegistry registry, LiveCalls calls, TimeProvider clock)
    {
        if (me.LoginId == 0)
        {
            return Problems.Forbidden("A key cannot delete the account.");
        }

        var hash = (await users.FindCredential(me.Id))?.PasswordHash;
        if (hash is not null && await confirmation.Refuse(context, me, body.Password, hash) is { } problem)
        {
            return problem;
        }

        switch (await admin.DeleteSelf(me.Caller, clock.GetUtcNow()))
        {
            case UserChange.Done:
                var stopping = registry.StopUser(me.Id);
                calls.CutUser(me.Id);
                await stopping;
                LoginService.Clear(context);
                return TypedResults.NoContent();
            case UserChange.LastAdmin:
                return Problems.Conflict("last_admin", "There must be one active administrator.");
            default:
                return Problems.Unauthenticated();
        }
    }

    private static async Task<IResult> EndAll(CurrentUser me, HttpContext context, Logins logins, TimeProvider clock)
    {
        await logins.EndAll(me.Caller, clock.GetUtcNow());
        LoginService.Clear(context);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> ListLogins(CurrentUser me, Logins logins, TimeProvider clock)
    {
        var rows = await logins.List(me.Id, clock.GetUtcNow());
        return TypedResults.Json(
            new LoginPage([.. rows.Select(row => LoginResponse.From(row, me.LoginId))], NextCursor: null), AccountsJson.Wire.LoginPage);
    }

    private static async Task<IResult> EndLogin(
        long id, CurrentUser me, HttpContext context, Logins logins, LoginService loginService, TimeProvider clock)
    {
        if (id == me.LoginId)
        {
            await loginService.End(context, me);
            return TypedResults.NoContent();
        }

        return await logins.End(me.Caller, id, clock.GetUtcNow()) ? TypedResults.NoContent() : Problems.NotFound();
    }
}

/// <summary>CurrentPassword may be absent only while the account has no password.</summary>
internal sealed record ChangePasswordRequest(string NewPassword, string? CurrentPassword = null);

internal sealed record DeleteAccountRequest(string Password);

internal sealed record MeResponse(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] UserResponse? User, bool Guest, QuotaResponse Quota,
    IReadOnlyList<string> Permissions);

internal sealed record LoginPage(
    IReadOnlyList<LoginResponse> Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

internal sealed record LoginResponse(
    long Id, string Kind, string Ip, string UserAgent, bool Current, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt,
    DateTimeOffset ExpiresAt)
{
    public static LoginResponse From(LoginRow row, long current) => new(
        row.Id, row.Kind, row.Ip, row.UserAgent, row.Id == current, Time(row.CreatedAt), Time(row.LastUsedAt), Time(row.ExpiresAt));

    private static DateTimeOffset Time(long at) => DateTimeOffset.FromUnixTimeMilliseconds(at);
}

internal sealed record ConfirmRequest(string Password);
