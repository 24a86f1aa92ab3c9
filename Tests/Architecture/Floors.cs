namespace AiChat.Tests.Architecture;

/// <summary>A room by its name, and the namespaces or single types it holds: its own, unless others are named.</summary>
internal sealed record Room(string Name, params string[] Holds)
{
    public static implicit operator Room(string name) => new(name, name);
}

/// <summary>The rooms of a layer, lowest first, and the layers below that it may use.</summary>
internal sealed record Layer(string Name, string[] Uses, Room[] Rooms);

/// <summary>Where each type stands, and whether it refers only to its own room and to what is below it.</summary>
/// <param name="root">The namespace that all names of rooms and of what they hold continue.</param>
internal sealed class Floors(string root, Layer[] layers)
{
    /// <summary>The house. A room may use only those before it in its list; a layer only the layers it names.</summary>
    public static readonly Layer[] House =
    [
        new("Data", [],
        [
            "Data", "Data.Engine", "Data.Sqlite", "Data.Postgres", "Data.Store", "Data.Nodes", "Data.Audit", "Data.Accounts",
            "Data.Catalog", "Data.Images", "Data.Traces", "Data.Chats", "Data.Runs", "Data.Imports", "Data.Backups", "Data.Moves",
            "Data.NodePlatform",
        ]),
        new("Providers", [],
        [
            "Providers.Transport", "Providers.Protocol", "Providers.OpenAi", "Providers.Anthropic", "Providers.Google", "Providers.Ollama",
            "Providers.Demo", "Providers.Search", "Providers.Storage", "Providers",
        ]),
        new("Endpoints", ["Data", "Providers"],
        [
            "Endpoints.Variables", "ServerOptions", "Endpoints.Secrets", "Endpoints.Settings", "Endpoints.Http", "Endpoints.Auth",
            "Endpoints.Images", "Endpoints.Housekeeping", "Endpoints.Catalog", "Endpoints.Traces", "Endpoints.Calls", "Endpoints.Nodes",
            "Endpoints.Runs", "Endpoints.Compat", "Endpoints.Chat", "Endpoints.Imports", "Endpoints.Backups", "Endpoints.NodePlatform",
            "Endpoints.Admin", "Endpoints.Accounts",
        ]),
        new("Commands", ["Data", "Providers", "Endpoints"], [new("Commands", "Commands", "Program")]),
    ];

    private readonly Dictionary<string, (Layer Layer, int Floor)> _places = (
        from layer in layers
        from room in layer.Rooms.Index()
        from held in room.Item.Holds
        select (held, place: (layer, room.Index))).ToDictionary(item => item.held, item => item.place);

    /// <summary>The floors from the lowest, each with the number of types that stand on it.</summary>
    public IEnumerable<string> Print(IReadOnlyCollection<Type> types) =>
        from layer in layers
        let uses = layer.Uses.Length == 0 ? "no other layer" : string.Join(", ", layer.Uses)
        let rooms =
            from room in layer.Rooms.Index()
            let count = types.Count(type => Place(type.FullName!) == (layer, room.Index))
            select $"  {room.Index + 1,2}. {room.Item.Name}: {count} types"
        from line in rooms.Prepend($"{layer.Name}, uses {uses}")
        select line;

    /// <summary>Types that stand in no list, and entries of the lists that hold no type.</summary>
    public IEnumerable<string> Gaps(IReadOnlyCollection<Type> types)
    {
        var homeless =
            from type in types
            where Place(type.FullName!) is null
            group type.FullName by type.Namespace into place
            select $"{place.Key} is in no list of floors: {string.Join(", ", place)}";
        var empty = _places.Keys.Except(types.Select(type => Entry(type.FullName!)));
        return homeless.Concat(empty.Select(held => $"{root}{held} is in the list of floors and holds no type"));
    }

    /// <summary>What refers to a room above its own, or to a layer that its own may not use, by the names of both rooms.</summary>
    public ILookup<string, TypeReference> Upwards(IEnumerable<Type> types) => (
        from type in types
        from reference in TypeReferences.From(type)
        let rooms = Upwards(type.FullName!, TypeReferences.Outermost(reference.To).FullName!)
        where rooms is not null
        select (rooms, reference)).ToLookup(item => item.rooms, item => item.reference);

    /// <summary>Null when the one may refer to the other, or one of them stands in no list; else the names of both rooms.</summary>
    /// <param name="from">The full name of a type or a namespace.</param>
    /// <param name="to">As <paramref name="from"/>.</param>
    public string? Upwards(string from, string to) =>
        Place(from) is not { } here || Place(to) is not { } there || May(here, there)
            ? null
            : $"{here.Layer.Rooms[here.Floor].Name} may not refer to {there.Layer.Rooms[there.Floor].Name}";

    private static bool May((Layer Layer, int Floor) here, (Layer Layer, int Floor) there) =>
        here.Layer == there.Layer ? there.Floor <= here.Floor : here.Layer.Uses.Contains(there.Layer.Name);

    private (Layer Layer, int Floor)? Place(string name) => Entry(name) is { } entry ? _places[entry] : null;

    /// <summary>The entry of a list that holds a name: its own, or that of its namespace.</summary>
    private string? Entry(string name)
    {
        var own = name.StartsWith(root, StringComparison.Ordinal) ? name[root.Length..] : "";
        return new[] { own, own[..Math.Max(0, own.LastIndexOf('.'))] }.FirstOrDefault(_places.ContainsKey);
    }
}
