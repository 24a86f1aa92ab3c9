using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AiChat.Data.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Catalog;

/// <summary>The administrator's override of one model. Absent members keep their value; null leaves it to the layers below.</summary>
internal sealed record ModelOverrideForm
{
    /// <summary>Models in one request.</summary>
    public const int MaxCount = 5_000;

    private const int MaxTokens = 100_000_000;
    private const decimal MaxPrice = 1_000_000;

    public required long ConnectionId { get; init; }

    /// <summary>Only in exports: identifies the connection where ids differ between installations.</summary>
    public string? ConnectionName { get; init; }

    public required string Model { get; init; }

    public Optional<string> Name { get; init; }

    public Optional<bool?> Hidden { get; init; }

    public Optional<string[]> Tags { get; init; }

    public Optional<CapabilityLayer> Capabilities { get; init; }

    public Optional<int?> ContextLimit { get; init; }

    public Optional<int?> MaxOutputTokens { get; init; }

    public Optional<ModelPrice> Price { get; init; }

    /// <summary>Null allows everybody, an empty list only administrators.</summary>
    public Optional<long[]> AllowedUsers { get; init; }

    public Optional<int?> Position { get; init; }

    public bool? IsDefault { get; init; }

    /// <summary>Validation errors by field.</summary>
    public Dictionary<string, string[]> Check()
    {
        var errors = new Dictionary<string, string[]>(StringComparer.Ordinal);
        void Require(bool holds, string field, string rule)
        {
            if (!holds)
            {
                errors[field] = [rule];
            }
        }

        Require(
            Model.Length is >= 1 and <= ProviderModel.MaxIdLength, "model", $"A model id has 1 to {ProviderModel.MaxIdLength} characters.");
        Require(
            Name.Value is null or { Length: >= 1 and <= 120 } && Name.Value?.Any(char.IsControl) != true, "name",
            "A name has 1 to 120 characters.");
        Require(
            Tags.Value is null || (Tags.Value.Length <= 20 && Tags.Value.All(tag => tag is { Length: >= 1 and <= 40 })),
            "tags", "There are at most 20 tags of 1 to 40 characters.");
        Require(ContextLimit.Value is null or (>= 1 and <= MaxTokens), "contextLimit", $"A limit is a whole number from 1 to {MaxTokens}.");
        Require(
            MaxOutputTokens.Value is null or (>= 1 and <= MaxTokens), "maxOutputTokens",
            $"A limit is a whole number from 1 to {MaxTokens}.");
        Require(Position.Value is null or (>= 0 and <= 1_000_000), "position", "A position is a whole number from 0 to 1000000.");
        Require(Price.Value is not { } price || IsPrice(price), "price", $"Prices are per million tokens, from 0 to {MaxPrice}.");
        Require(
            AllowedUsers.Value is null || (AllowedUsers.Value.Length <= 10_000 && AllowedUsers.Value.All(id => id > 0)),
            "allowedUsers", "There are at most 10000 user ids.");
        return errors;
    }

    /// <summary>The row with this form applied to it.</summary>
    public ModelOverrideRow Over(ModelOverrideRow? old, long connectionId) =>
        (old ?? new ModelOverrideRow { ConnectionId = connectionId, Model = Model }) with
        {
            Name = Name.Or(old?.Name),
            Hidden = Hidden.Or(old?.Hidden),
            Tags = Stored(Tags, CatalogRowJson.Default.StringArray, old?.Tags),
            Capabilities = Stored(Capabilities, CatalogRowJson.Default.CapabilityLayer, old?.Capabilities),
            ContextLimit = ContextLimit.Or(old?.ContextLimit),
            MaxOutputTokens = MaxOutputTokens.Or(old?.MaxOutputTokens),
            Price = Stored(Price, CatalogRowJson.Default.ModelPrice, old?.Price),
            AllowedUsers = Stored(AllowedUsers, CatalogRowJson.Default.Int64Array, old?.AllowedUsers),
            Position = Position.Or(old?.Position),
            IsDefault = IsDefault ?? old?.IsDefault ?? false,
        };

    private static bool IsPrice(ModelPrice price) =>
        new[] { price.Input, price.Output, price.CachedInput ?? 0, price.CacheWrite ?? 0 }.All(amount => amount is >= 0 and <= MaxPrice);

    private static string? Stored<T>(Optional<T> given, JsonTypeInfo<T> type, string? old)
        where T : class =>
        !given.IsSet ? old : given.Value is null ? null : JsonSerializer.Serialize(given.Value, type);
}

/// <summary>Either all overrides or these.</summary>
internal sealed record DeleteOverrides(bool? All = null, IReadOnlyList<ModelReference?>? Items = null);

internal sealed record ModelReference(long ConnectionId, string Model);
