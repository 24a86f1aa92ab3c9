using AiChat.Data.Catalog;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Catalog;

/// <summary>A connection's row with its JSON columns parsed.</summary>
internal sealed class CatalogConnection(ConnectionRow row)
{
    public ConnectionRow Row { get; } = row;

    public long Id => Row.Id;

    public bool IsDemo => Row.Provider == "demo";

    public IReadOnlyList<string> Tags { get; } = StoredJson.Read(row.Tags, CatalogRowJson.Default.StringArray) ?? [];

    /// <summary>When not empty, only these models are offered.</summary>
    public IReadOnlyList<string> ModelIds { get; } = StoredJson.Read(row.ModelIds, CatalogRowJson.Default.StringArray) ?? [];

    public CapabilityLayer Capabilities { get; } = StoredJson.Read(row.DefaultCapabilities, CatalogRowJson.Default.CapabilityLayer)
        ?? CapabilityLayer.Silent;
}

/// <summary>A model of an enabled connection with all layers merged.</summary>
internal sealed record CatalogModel
{
    public required CatalogConnection Connection { get; init; }

    public required string Model { get; init; }

    public required string Name { get; init; }

    public string PublicId { get; init; } = "";

    public required ModelCapabilities Capabilities { get; init; }

    /// <summary>The highest layer that set a capability: manual, connection, provider or heuristic.</summary>
    public required string CapabilitySource { get; init; }

    public int? ContextLimit { get; init; }

    public int? MaxOutputTokens { get; init; }

    public ModelPrice? Price { get; init; }

    public required IReadOnlyList<string> Tags { get; init; }

    /// <summary>The administrator hid it from users.</summary>
    public bool Hidden { get; init; }

    /// <summary>It cannot chat, so the page does not offer it; the compatible API may use it for other tasks.</summary>
    public bool Unlisted { get; init; }

    /// <summary>Null is everybody.</summary>
    public IReadOnlySet<long>? AllowedUsers { get; init; }

    public bool IsDefault { get; init; }

    public int? Position { get; init; }

    public bool MayUse(long userId, bool isAdmin) => isAdmin || (!Hidden && (AllowedUsers is null || AllowedUsers.Contains(userId)));
}

/// <summary>The whole catalogue at one moment; immutable, replaced as a whole.</summary>
internal sealed class CatalogSnapshot
{
    public static readonly CatalogSnapshot Empty = new([], [], [], []);

    private readonly Dictionary<long, CatalogConnection> _connections;
    private readonly ILookup<long, ModelRow> _fetched;
    private readonly Dictionary<(long ConnectionId, string Model), ModelOverrideRow> _overrides;
    private readonly Dictionary<(long ConnectionId, string Model), int> _learned;
    private readonly Dictionary<(long ConnectionId, string Model), CatalogModel> _byModel = [];
    private readonly Dictionary<string, CatalogModel> _byPublicId = new(StringComparer.Ordinal);
    private readonly ILookup<string, CatalogModel> _byBareId;

    public CatalogSnapshot(
        IReadOnlyList<ConnectionRow> connections, IReadOnlyList<ModelRow> models, IReadOnlyList<ModelOverrideRow> overrides,
        IReadOnlyList<LearnedLimitRow> learned)
    {
        _connections = connections.ToDictionary(row => row.Id, row => new CatalogConnection(row));
        _fetched = models.ToLookup(row => row.ConnectionId);
        _overrides = overrides.ToDictionary(row => (row.ConnectionId, row.Model));
        _learned = learned.ToDictionary(row => (row.ConnectionId, row.Model), row => row.ContextLimit);
        var found = connections.Where(row => row.Enabled)
            .SelectMany(row => Offer(_connections[row.Id]).OrderBy(model => model.Position ?? int.MaxValue)).ToList();
        Models = WithPublicIds(found);
        foreach (var model in Models)
        {
            _byModel[(model.Connection.Id, model.Model)] = model;
            _byPublicId[model.PublicId] = model;
        }

        _byBareId = Models.ToLookup(model => model.Model, StringComparer.Ordinal);
    }

    /// <summary>Models of enabled connections in display order, the demo's last.</summary>
    public IReadOnlyList<CatalogModel> Models { get; }

    /// <summary>All connections, disabled ones included.</summary>
    public IReadOnlyCollection<CatalogConnection> Connections => _connections.Values;

    public IReadOnlyCollection<ModelOverrideRow> Overrides => _overrides.Values;

    public CatalogConnection? Connection(long id) => _connections.GetValueOrDefault(id);

    public ModelOverrideRow? Override(long connectionId, string model) => _overrides.GetValueOrDefault((connectionId, model));

    /// <summary>Number of models the connection offers, or would offer if it were enabled.</summary>
    public int Count(CatalogConnection connection) =>
        connection.ModelIds.Count > 0 ? connection.ModelIds.Count : _fetched[connection.Id].Count();

    /// <summary>True when the connection lists this model or has an override for it; disabled connections included.</summary>
    public bool Knows(long connectionId, string model) => _connections.TryGetValue(connectionId, out var connection)
        && (connection.ModelIds.Contains(model, StringComparer.Ordinal) || _overrides.ContainsKey((connectionId, model))
            || _fetched[connectionId].Any(row => row.Model == model));

    public CatalogModel? Find(long connectionId, string model) => _byModel.GetValueOrDefault((connectionId, model));

    /// <summary>Finds a model by its public id, or by the provider's id when only one model this user may use has that id.</summary>
    public CatalogModel? Find(string id, long userId, bool isAdmin)
    {
        if (_byPublicId.TryGetValue(id, out var exact) && exact.MayUse(userId, isAdmin))
        {
            return exact;
        }

        var candidates = _byBareId[id].Where(model => model.MayUse(userId, isAdmin)).Take(2).ToList();
        return candidates.Count == 1 ? candidates[0] : null;
    }

    /// <summary>The administrator's choice, else the first real model, else the demo's.</summary>
    public CatalogModel? Default(long userId, bool isAdmin) =>
        Models.FirstOrDefault(model => model.IsDefault && model.MayUse(userId, isAdmin))
        ?? Models.FirstOrDefault(model => model is { Hidden: false, Unlisted: false } && model.MayUse(userId, isAdmin));

    private IEnumerable<CatalogModel> Offer(CatalogConnection connection)
    {
        var fetched = _fetched[connection.Id];
        if (connection.ModelIds.Count == 0)
        {
            return fetched.Select(row => Merge(connection, row.Model, row, Override(connection.Id, row.Model)));
        }

        var known = fetched.ToDictionary(row => row.Model, StringComparer.Ordinal);
        return connection.ModelIds.Distinct(StringComparer.Ordinal).Select(id =>
            Merge(connection, id, known.GetValueOrDefault(id), Override(connection.Id, id)));
    }

    private CatalogModel Merge(CatalogConnection connection, string model, ModelRow? provider, ModelOverrideRow? manual)
    {
        var guess = ModelFamilies.Guess(model);
        var fromProvider = StoredJson.Read(provider?.Capabilities, CatalogRowJson.Default.CapabilityLayer) ?? CapabilityLayer.Silent;
        var fromManual = StoredJson.Read(manual?.Capabilities, CatalogRowJson.Default.CapabilityLayer) ?? CapabilityLayer.Silent;

        // A local server takes memory for the whole context, so what models of this name can read at most is no choice there.
        var longest = connection.Row.Provider == "ollama" ? null : guess.ContextLimit;
        var all = fromManual.Over(connection.Capabilities).Over(fromProvider).Over(guess.Capabilities);
        return new CatalogModel
        {
            Connection = connection,
            Model = model,
            Name = manual?.Name ?? provider?.Name ?? model,
            Capabilities = all.Resolve(),
            CapabilitySource = !fromManual.IsSilent ? "manual"
                : !connection.Capabilities.IsSilent ? "connection"
                : !fromProvider.IsSilent ? "provider"
                : "heuristic",
            ContextLimit = ContextLimit(connection.Id, model, manual?.ContextLimit, provider?.ContextLimit ?? longest),
            MaxOutputTokens = manual?.MaxOutputTokens ?? provider?.MaxOutputTokens ?? guess.MaxOutputTokens,
            Price = StoredJson.Read(manual?.Price, CatalogRowJson.Default.ModelPrice),
            Tags = StoredJson.Read(manual?.Tags, CatalogRowJson.Default.StringArray) ?? connection.Tags,
            Hidden = manual?.Hidden ?? false,
            Unlisted = all.Chat == false && manual?.Hidden != false,
            AllowedUsers = StoredJson.Read(manual?.AllowedUsers, CatalogRowJson.Default.Int64Array)?.ToHashSet(),
            IsDefault = manual?.IsDefault ?? false,
            Position = manual?.Position,
        };
    }

    /// <summary>What the provider refused to exceed is a fact; the administrator may still want less.</summary>
    private int? ContextLimit(long connectionId, string model, int? manual, int? known) =>
        _learned.TryGetValue((connectionId, model), out var learned) ? Math.Min(learned, manual ?? learned) : manual ?? known;

    private static List<CatalogModel> WithPublicIds(List<CatalogModel> models)
    {
        static string Natural(CatalogModel model) =>
            model.Connection.Row.Prefix is { Length: > 0 } prefix ? $"{prefix}.{model.Model}" : model.Model;
        var counts = models.CountBy(Natural, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        var taken = counts.Where(one => one.Value == 1).Select(one => one.Key).ToHashSet(StringComparer.Ordinal);
        return models.ConvertAll(model => model with { PublicId = counts[Natural(model)] == 1 ? Natural(model) : Numbered(model) });

        // A prefix or a model id may itself look like a connection's number.
        string Numbered(CatalogModel model)
        {
            var id = $"{model.Connection.Id}.{model.Model}";
            while (!taken.Add(id))
            {
                id = $"{model.Connection.Id}.{id}";
            }

            return id;
        }
    }
}
