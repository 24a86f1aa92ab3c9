using System.Buffers.Text;
using System.Security.Cryptography;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Chat;

/// <summary>Makes a visitor a guest at the first write, and moves a guest's data to the account at sign-in.</summary>
internal sealed class GuestSignup(
    Guests guests, AuthCache authCache, RunRegistry registry, SystemSettings settings, NodeStore nodes, TimeProvider clock)
{
    /// <summary>New guests per address; a household or a classroom shares one.</summary>
    private const int PerHour = 20;

    private readonly SharedBuckets _addresses = new("guest", nodes, clock);

    /// <summary>The caller, made a guest with a cookie if it is a visitor; or the refusal.</summary>
    public async Task<(CurrentUser? Me, Problem? Problem)> Enter(HttpContext context, CurrentUser me)
    {
        if (!me.IsVisitor)
        {
            return (me, null);
        }

        var wait = await _addresses.Take(context.Client().Bucket, PerHour, TimeSpan.FromHours(1) / PerHour);
        if (wait > TimeSpan.Zero)
        {
            return (null, Problems.TooMany(
                "rate_limited", "Too many new guests from here. Wait a while or sign in.", (int)Math.Ceiling(wait.TotalSeconds)));
        }

        var now = clock.GetUtcNow();
        var life = TimeSpan.FromDays(Math.Max(1, settings.AnonymousRetentionDays));
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        if (await guests.Insert(Credentials.Hash(token), now + life, now) is not { } id)
        {
            return (null, Problems.TooMany("rate_limited", "There are as many guests as this server takes. Sign in instead.", 3_600));
        }

        Cookies.SetGuest(context, token, life);
        return (me with { Id = id }, null);
    }

    /// <summary>Moves what this browser did as a guest to the account it has signed in to.</summary>
    public async Task TakeAlong(HttpContext context, long userId)
    {
        if (Cookies.Guest(context.Request) is not { } token)
        {
            return;
        }

        try
        {
            if (await authCache.Guest(Credentials.Hash(token)) is { } guest && guest.ExpiresAt > clock.GetUtcNow().ToUnixTimeMilliseconds())
            {
                await registry.StopUser(guest.Id);
                await guests.Move(guest.Id, userId);
            }

            Cookies.ClearGuest(context);
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            // The browser keeps its guest token, so the next login tries again.
        }
    }
}
