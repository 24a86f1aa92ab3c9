using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Who makes this request and from where, as <see cref="Credentials"/> resolved it. A handler takes it as a parameter; of a public endpoint
/// as <c>CurrentUser?</c>, which is null for an anonymous request. LoginId is the login of a cookie or access token, 0 for keys and guests.
/// ApiKeyId is the key of the request, if it has one. Epoch is that of the user at the time of the check.
/// </summary>
internal sealed record CurrentUser(long Id, string Role, string? Username, long Epoch, long LoginId, long? ApiKeyId)
{
    /// <summary>The JSON list of models that the key may use; null is all.</summary>
    public string? KeyModels { get; init; }

    /// <summary>Where the request comes from.</summary>
    public required Client Client { get; init; }

    /// <summary>Who asks and from where, as a write takes it.</summary>
    public Caller Caller => new(Id, Client.Address) { IsOperator = IsOperator };

    /// <summary>The command line, which is an administrator without an account.</summary>
    public bool IsOperator => Client.IsOperator;

    public bool IsAdmin => Role == "ADMIN";

    public bool IsGuest => Role == "GUEST";

    /// <summary>May become a guest but has not written yet: owns nothing and has no row.</summary>
    public bool IsVisitor => Id == 0;

    /// <param name="client">A connection of the operator; see <see cref="OperatorConnection"/>.</param>
    public static CurrentUser Operator(Client client) => client.IsOperator
        ? new CurrentUser(Caller.NoUser, "ADMIN", null, 0, 0, null) { Client = client }
        : throw new InvalidOperationException("Only connections of the operator are the operator's.");

    public static CurrentUser Visitor(Client client) => new(0, "GUEST", null, 0, 0, null) { Client = client };

    /// <summary>The audit's record of what this user does.</summary>
    public AuditEntry Audit(string action, string? target, string? detail = null) =>
        new(Caller.ActorId, action, target, Client.Address, detail);

    public static ValueTask<CurrentUser?> BindAsync(HttpContext context) => new(context.Features.Get<CurrentUser>());
}

internal static class WatchExtensions
{
    /// <summary>For long responses: cancelled when the credential of this user is no longer valid.</summary>
    public static ValueTask<CancellationToken> Watch(this AuthCache authCache, CurrentUser me) =>
        authCache.Watch(me.Id, me.Epoch, me.LoginId, me.ApiKeyId ?? 0);
}
