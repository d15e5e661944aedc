arguments: (import ../../lib).system arguments
