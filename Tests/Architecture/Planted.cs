// A small house whose rooms are named as the real ones, below a root of their own. Its wrong references are the members that say so: to a
// floor above in the same layer, to a layer above, and between the two lowest layers, which do not know each other.

namespace AiChat.Tests.Architecture.Planted.Data
{
    internal sealed class Bottom
    {
        public Other? SameRoom { get; init; }

        public static string WrongFloor() => new Audit.Top().ToString()!;

        public static string WrongNeighbour() => new Providers.Transport.Bottom().ToString()!;

        public static string WrongLayer() => new Endpoints.Chat.Top().ToString()!;
    }

    internal sealed class Other
    {
        public Bottom? SameRoom { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Data.Audit
{
    internal sealed class Top
    {
        public Bottom? Below { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Providers.Transport
{
    internal sealed class Bottom
    {
        public static string WrongFloor() => new Demo.Top().ToString()!;

        public static string WrongNeighbour() => new Data.Bottom().ToString()!;

        public static string WrongLayer() => new Endpoints.Chat.Top().ToString()!;
    }
}

namespace AiChat.Tests.Architecture.Planted.Providers.Demo
{
    internal sealed class Top
    {
        public Transport.Bottom? Below { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Endpoints.Http
{
    internal sealed class Bottom
    {
        public Data.Audit.Top? LayerBelow { get; init; }

        public Providers.Demo.Top? OtherLayerBelow { get; init; }

        public static string WrongFloor() => new Chat.Top().ToString()!;

        public static string WrongLayer() => new Commands.Top().ToString()!;
    }
}

namespace AiChat.Tests.Architecture.Planted.Endpoints.Chat
{
    internal sealed class Top
    {
        public Http.Bottom? Below { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted
{
    /// <summary>Stands with the commands, by its name.</summary>
    internal sealed class Program
    {
        public Commands.Top? SameRoom { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Commands
{
    internal sealed class Top
    {
        public Program? SameRoom { get; init; }

        public Endpoints.Chat.Top? LayerBelow { get; init; }

        public Data.Bottom? LowestLayer { get; init; }
    }
}

namespace AiChat.Tests.Architecture.Planted.Attic
{
    /// <summary>Stands in no list.</summary>
    internal sealed class Forgotten;
}
