using System.Security.Cryptography;
using System.Text;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>The credential of a request. An invalid credential yields no user; it is not treated as anonymous.</summary>
internal readonly record struct Credential(CurrentUser? User, bool InHeader, bool KeyOutOfScope = false);

/// <summary>
/// Resolves a request to a user, by Authorization: Bearer (access token or key), then x-api-key, then the cookies. A header wins over a
/// cookie even when it is invalid. Query strings are never read. Users, logins and keys are cached in memory. A connection of the operator
/// (<see cref="OperatorConnection"/>) is the operator, whatever credential a request on it has.
/// </summary>
internal sealed class Credentials(AccessTokens tokens, AuthCache authCache, ApiKeys keys, BackgroundWork background, TimeProvider clock)
{
    public const string KeyPrefix = "sk-";

    private const string Bearer = "Bearer ";

    public async ValueTask<Credential> Resolve(HttpContext context)
    {
        if (context.Client().IsOperator)
        {
            return new Credential(CurrentUser.Operator(context.Client()), InHeader: true);
        }

        var request = context.Request;
        if (HeaderOf(request) is { } header)
        {
            return header.Span.StartsWith(KeyPrefix, StringComparison.Ordinal)
                ? await FromKey(context, header.ToString())
                : new Credential(await FromToken(context, header), InHeader: true);
        }

        if (Cookies.Access(request) is { } cookie)
        {
            return new Credential(await FromToken(context, cookie.AsMemory()), InHeader: false);
        }

        return Cookies.Guest(request) is { } guest
            ? new Credential(await FromGuest(context, guest), InHeader: false)
            : default;
    }

    /// <summary>The stored form of keys and tokens: SHA-256, because they are random enough not to need a slow hash.</summary>
    public static string Hash(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <summary>The credential in a header; null when there is none, empty when it is malformed.</summary>
    private static ReadOnlyMemory<char>? HeaderOf(HttpRequest request)
    {
        var authorization = request.Headers.Authorization;
        if (authorization.Count > 1)
        {
            return ReadOnlyMemory<char>.Empty;
        }

        // Basic credentials are for a proxy in front of the server, which forwards them.
        if (authorization.Count == 1 && authorization[0]!.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return authorization[0]!.AsMemory(Bearer.Length).Trim();
        }

        var key = request.Headers["x-api-key"];
        if (key.Count == 0)
        {
            return null;
        }

        return key.Count == 1 && key[0]!.StartsWith(KeyPrefix, StringComparison.Ordinal) ? key[0]!.AsMemory() : ReadOnlyMemory<char>.Empty;
    }

    private async ValueTask<CurrentUser?> FromToken(HttpContext context, ReadOnlyMemory<char> token)
    {
        if (tokens.Read(token.Span) is not { } claims)
        {
            return null;
        }

        var login = await authCache.Login(claims.LoginId);
        var user = await authCache.User(claims.UserId);
        var good = login is not null && login.UserId == claims.UserId && login.ExpiresAt > clock.GetUtcNow().ToUnixTimeMilliseconds()
            && user is { Status: "ACTIVE" } && user.Epoch == claims.Epoch;
        return good
            ? new CurrentUser(user!.Id, user.Role, user.Username, user.Epoch, login!.Id, ApiKeyId: null) { Client = context.Client() }
            : null;
    }

    private async ValueTask<CurrentUser?> FromGuest(HttpContext context, string token) =>
        token.Length <= 100 && await authCache.Guest(Hash(token)) is { } guest
        && guest.ExpiresAt > clock.GetUtcNow().ToUnixTimeMilliseconds()
            ? new CurrentUser(guest.Id, "GUEST", null, guest.Epoch, 0, null) { Client = context.Client() }
            : null;

    private async ValueTask<Credential> FromKey(HttpContext context, string key)
    {
        var now = clock.GetUtcNow();
        var row = key.Length <= 200 ? await authCache.Key(Hash(key)) : null;
        var user = row is null ? null : await authCache.User(row.UserId);
        if (row is null || user is not { Status: "ACTIVE" } || row.ExpiresAt <= now.ToUnixTimeMilliseconds())
        {
            return new Credential(null, InHeader: true);
        }

        background.Forget("noting the use of a key", keys.Touch(row.Id, now)); // the request does not wait for it
        var me = new CurrentUser(user.Id, user.Role, user.Username, user.Epoch, 0, row.Id)
        {
            Client = context.Client(),
            KeyModels = row.Models,
        };
        return new Credential(me, InHeader: true, KeyOutOfScope: !KeyScopes.Opens(row, context.GetEndpoint()));
    }
}
