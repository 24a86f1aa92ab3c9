using AiChat.Data.Accounts;
using AiChat.Endpoints.Catalog;

namespace AiChat.Endpoints.Calls;

/// <summary>The account that a call is charged to, and what the call is for.</summary>
internal sealed record CallPlace(long UserId)
{
    public long? SessionId { get; init; }

    public long? MessageId { get; init; }

    public long? RunId { get; init; }

    public long? ApiKeyId { get; init; }

    /// <summary>The entry of a call that used nothing so far; the caller adds tokens, price and times.</summary>
    public LedgerEntry Entry(ResolvedModel model, string status) => new()
    {
        UserId = UserId,
        SessionId = SessionId,
        MessageId = MessageId,
        RunId = RunId,
        ApiKeyId = ApiKeyId,
        ConnectionId = model.ConnectionId,
        Model = model.Model,
        Provider = model.Provider,
        Status = status,
        Source = "estimate",
    };

    /// <summary>The entry of a call that failed before the provider sent anything.</summary>
    public LedgerEntry Failed(ResolvedModel model) => Entry(model, "failed");
}
